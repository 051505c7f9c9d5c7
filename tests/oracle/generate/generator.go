package main

import "fmt"

// generator writes one program.
type generator struct {
	chance
	name string
	out  *source // where declarations go: the file for all releases, or the one for newer ones

	// Types: all of them by text; declared ones are the program's own.
	types                                        map[string]*typ
	all, basics, libraries, declared, interfaces []*typ
	anything                                     *typ
	methods                                      []*method
	generics                                     []*generic
	holders                                      map[string][]*typ // by interface

	unwritten []unwritten // functions that fill
	numbers   int         // for names
}

type unwritten struct {
	t   *typ
	key bool
}

func newGenerator(seed uint64) *generator {
	g := &generator{chance: chance{seed}, name: fmt.Sprintf("s%d", seed), out: new(source), types: map[string]*typ{},
		holders: map[string][]*typ{}}
	g.basics, g.libraries = basicTypes(), libraryTypes()
	g.anything = &typ{kind: iface, text: "any", size: 16, align: 8, complete: true, hashable: true, dynamic: true}
	for _, t := range append(append([]*typ{g.anything}, g.basics...), g.libraries...) {
		g.types[t.text] = t
		g.all = append(g.all, t)
	}
	return g
}

// fresh returns a name that no other declaration of the package has.
func (g *generator) fresh(prefix string) string {
	g.numbers++
	return fmt.Sprint(prefix, g.numbers)
}

func (g *generator) program() []file {
	g.declareMethods()
	g.declareGenerics()
	g.declareTypes()
	var run, newer source
	run.line("// Run fills the globals and starts the goroutines of seed %s.", g.name[1:])
	run.line("func Run(r *random.Rand) {")
	run.line("r.Anything = %s", g.fillName(g.anything, false))
	g.globals(&run)
	for i := 3 + g.n(4); i > 0; i-- {
		run.line("random.Lost(r, %s)", g.filler(g.value(large, 3)))
	}
	run.line("r.Quietly()") // what goroutines get may die
	for i := 5 + g.n(8); i > 0; i-- {
		run.line("r.Budget(%d)", 20+g.n(60))
		g.park(&run, false)
	}
	run.line("runNewer(r)")
	run.line("}")
	g.writeFills()

	older := g.out
	g.out = new(source)
	newer.line("func runNewer(r *random.Rand) {")
	g.newer(&newer)
	newer.line("}")
	g.writeFills()
	return []file{
		{"program.go", complete("", g.name, run.String()+older.String())},
		{"newer.go", complete("go1.24", g.name, newer.String()+g.out.String())},
		{"older.go", complete("!go1.24", g.name, "func runNewer(r *random.Rand) {}\n")},
	}
}

// globals declares variables of any type, with and without a value of the linker's, and fills them.
func (g *generator) globals(run *source) {
	for i := 15 + g.n(20); i > 0; i-- {
		name := g.fresh("g")
		run.line("r.Budget(%d)", 20+g.n(300))
		if g.oneIn(3) {
			g.initialised(run, name)
			continue
		}
		t := g.value(large, 5)
		for i := 0; t.kind == basic && i < 3; i++ {
			t = g.value(large, 5)
		}
		g.out.line("var %s %s", name, t.text)
		run.line("%s", g.statement(t, name, false))
	}
	// A global that holds a number holds nothing.
	name := g.fresh("g")
	g.out.line("var %s [%d]uintptr", name, 1+g.n(5000))
	run.line("%s[0] = uintptr(r.Number())", name)
}

// initialised declares a global that the linker gives a value: objects outside the heap, which come to point into it.
func (g *generator) initialised(run *source, name string) {
	t := pick(&g.chance, g.declared)
	switch {
	case t.kind != structure || g.oneIn(4):
		n := 1 + g.n(3)
		g.out.line("var %s = []%s{%d: *new(%s)}", name, t.text, n, t.text)
		run.line("%s", g.statement(t, fmt.Sprintf("%s[%d]", name, g.n(n+1)), false))
	case g.oneIn(2):
		g.out.line("var %s = &%s{}", name, t.text)
		run.line("%s(r, %s)", g.filler(t), name)
	default:
		g.out.line("var %s = struct {", name)
		g.out.line("number int")
		g.out.line("inner %s", t.text)
		g.out.line("}{number: 5}")
		run.line("%s", g.statement(t, name+".inner", false))
	}
}
