package main

import (
	"fmt"
	"os"
	"sync"
)

const manyFiles = 300

// create makes a file that has no name any more: nothing stays behind.
//
//go:noinline
func create(i int) *os.File {
	f, err := os.CreateTemp("", "heldby-files-")
	must(err)
	must(os.Remove(f.Name()))
	note(i, f)
	return f
}

// Nobody closes what was opened.
//
//go:noinline
func leakFiles() {
	for i := 0; i < manyFiles; i++ {
		create(i)
	}
}

//go:noinline
func fixFiles() {
	for i := 0; i < manyFiles; i++ {
		func() {
			f := create(i)
			defer f.Close()
		}()
	}
}

//go:noinline
func note(i int, f *os.File) {
	_, err := fmt.Fprintf(f, "note %d\n", i)
	must(err)
}

var logs = map[string]*os.File{}

// As many log files, open for good.
//
//go:noinline
func healthyFiles() {
	for i := 0; i < manyFiles; i++ {
		logs[fmt.Sprint("tenant-", i)] = create(i)
	}
}

var (
	names    = make(chan int)
	imported sync.WaitGroup
)

// A loop that never ends, and what its function is to close when it does.
//
//go:noinline
func leakDeferred() {
	go importAll(names)
	send()
}

//go:noinline
func importAll(names chan int) {
	for i := range names {
		f := create(i)
		defer f.Close()
		note(i, f)
		imported.Done()
	}
}

//go:noinline
func fixDeferred() {
	go importEach(names)
	send()
}

//go:noinline
func importEach(names chan int) {
	for i := range names {
		importOne(i)
		imported.Done()
	}
}

//go:noinline
func importOne(i int) {
	f := create(i)
	defer f.Close()
	note(i, f)
}

// All but the next one, which never comes.
func send() {
	imported.Add(manyFiles)
	for i := 0; i < manyFiles; i++ {
		names <- i
	}
	imported.Wait()
}

// The merge of a big sort: many open files, all closed when it is done, all in use until then.
//
//go:noinline
func healthyDeferred() {
	go merge(names)
	names <- 0
}

//go:noinline
func merge(names chan int) {
	var runs []*os.File
	for i := 0; i < manyFiles; i++ {
		f := create(i)
		defer f.Close()
		runs = append(runs, f)
	}
	for i := range names {
		note(i, runs[i])
	}
}
