module heap

go 1.24
