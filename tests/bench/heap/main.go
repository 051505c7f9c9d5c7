// Command heap holds a heap of a given number of objects and measures what the Go runtime itself needs for it.
//
//	heap 10000000
//
// 40 % of the objects are list nodes, 40 % tree nodes, 20 % map records and their keys. After `ready` it obeys commands on
// its standard input, one a line: `gc` prints how long runtime.GC() took, `dump` how long debug.WriteHeapDump stopped the
// world (into /dev/null: nothing but the walk is measured), in seconds.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
)

type listNode struct {
	next  *listNode
	value [2]int
}

type treeNode struct {
	left, right *treeNode
	key         int
}

type record struct {
	name  string
	id    int
	owner *listNode
}

var (
	list    *listNode
	tree    *treeNode
	records map[string]*record
)

// insert keeps the tree balanced enough: keys come in a scrambled order.
func insert(root **treeNode, key int) {
	for *root != nil {
		if key < (*root).key {
			root = &(*root).left
		} else {
			root = &(*root).right
		}
	}
	*root = &treeNode{key: key}
}

func scramble(i int) int {
	x := uint64(i) * 0x9e3779b97f4a7c15
	x ^= x >> 31
	return int(x >> 1)
}

// build interleaves the kinds, as a program that lives does.
func build(n int) {
	records = make(map[string]*record)
	for i := 0; i < n/10; i++ {
		for k := 0; k < 4; k++ {
			list = &listNode{next: list, value: [2]int{i, k}}
			insert(&tree, scramble(i*4+k))
		}
		key := "record-" + strconv.Itoa(i)
		records[key] = &record{name: key, id: i, owner: list}
	}
}

func seconds(f func()) float64 {
	start := time.Now()
	f()
	return time.Since(start).Seconds()
}

func main() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "usage: heap OBJECTS")
		os.Exit(2)
	}
	build(n)
	runtime.GC()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	fmt.Println("ready", os.Getpid())
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		switch input.Text() {
		case "gc":
			fmt.Println("gc", seconds(runtime.GC))
		case "dump":
			fmt.Println("dump", seconds(func() { debug.WriteHeapDump(null.Fd()) }))
		case "stats":
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			fmt.Println("stats", stats.HeapObjects, stats.HeapAlloc)
		}
	}
}
