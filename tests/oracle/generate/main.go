// Generate writes random Go programs that hold random values of random types, one a seed, for the object oracle:
//
//	generate DIR FIRST COUNT
//
// Into DIR go the packages sFIRST … and a main package that runs the one that its argument names. They are part of the
// module heldby/victims and use its package random. A program depends on its seed alone, so that a failure can be had
// again: nothing here depends on the order of maps or on anything else that may differ between releases of Go. It
// compiles with Go 1.18 and later; what only later releases have stands in a file with a build constraint.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: generate DIR FIRST COUNT")
		os.Exit(2)
	}
	dir := os.Args[1]
	first, err := strconv.ParseUint(os.Args[2], 10, 64)
	exitOn(err)
	count, err := strconv.ParseUint(os.Args[3], 10, 16)
	exitOn(err)
	var imports, programs strings.Builder
	for seed := first; seed < first+count; seed++ {
		g := newGenerator(seed)
		for _, file := range g.program() {
			write(filepath.Join(dir, g.name, file.name), file.text)
		}
		fmt.Fprintf(&imports, "\t\"heldby/victims/%s/%s\"\n", filepath.Base(dir), g.name)
		fmt.Fprintf(&programs, "\t\trandom.Program{Seed: %d, Run: %s.Run},\n", seed, g.name)
	}
	write(filepath.Join(dir, "main.go"), fmt.Sprintf("package main\n\nimport (\n\t\"heldby/victims/random\"\n%s)\n\n"+
		"func main() {\n\trandom.Main(\n%s\t)\n}\n", imports.String(), programs.String()))
}

func write(path, text string) {
	exitOn(os.MkdirAll(filepath.Dir(path), 0o777))
	exitOn(os.WriteFile(path, []byte(text), 0o666))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
