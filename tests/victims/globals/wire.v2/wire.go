// Package wire has statically initialised data and a dot in its path.
package wire

type Route struct {
	Path string
	Next *Route
	Memo map[string]int
}

type codec interface{ encode(string) []byte }

type plain struct{ scratch []byte }

func (p *plain) encode(s string) []byte {
	p.scratch = append(p.scratch[:0], s...)
	return p.scratch
}

// Their backing arrays and pointees are statically initialised: no symbol but a temporary's.
var (
	routes        = []*Route{{Path: "/a"}, {Path: "/b", Next: &Route{Path: "/b/c"}}}
	root          = &Route{Path: "/"}
	table         = [3]Route{{Path: "x"}, {Path: "y"}, {Path: "z"}}
	encoder codec = &plain{}
	lengths       = map[string]int{"a": 1, "b": 2}
)

// A List is filled through its address.
type List struct {
	n    int
	head *Route
}

// Enlist is inlined where it is called, and works on what it is given there; by Function it has a body of its own.
func Enlist(l *List, path string) {
	l.n++
	l.head = &Route{Path: path, Next: l.head}
}

var Function func(*List, string)

//go:noinline
func Walk(s string) int {
	Function = Enlist
	n := len(encoder.encode(s))
	for i, r := range routes {
		if r.Memo == nil {
			r.Memo = map[string]int{}
		}
		r.Memo[s] = i
		n += len(r.Memo)
	}
	root.Next = &Route{Path: s, Next: root.Next}
	table[n%3].Next = root.Next
	lengths[s] = n
	return n
}
