module example.org/globals

go 1.18
