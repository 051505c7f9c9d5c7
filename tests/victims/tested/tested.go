// Package tested is what its tests test.
package tested

// serve starts a goroutine that starts the one that stays, and ends.
func serve() { go accept() }

func accept() { go send(make(chan int)) }

// answer starts a goroutine as serve does.
func answer() { go reply() }

func reply() { go send(make(chan int)) }

func send(to chan<- int) { to <- 1 }
