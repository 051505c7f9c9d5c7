module leak_demo

go 1.24
