//go:build !go1.24

package main

// Up to 1.23 variables of up to 10 MB are on the stack (cmd/compile/internal/ir/cfg.go MaxStackVarSize), and where the pointers
// are in types of more than 128 kB says a program instead of a bitmap (cmd/compile/internal/reflectdata, dgcprog).

type (
	couples [20000]struct {
		p *thing
		n uintptr
	}
	mixed struct {
		head [3]uintptr
		rows [9000][2]*thing
		n    uintptr
		tail [300]struct {
			n [5]uintptr
			p *thing
		}
		last *thing
		end  [4000]uintptr
	}
	pointers [17000]*thing
)

//go:noinline
func sameCouples(c *couples) *couples { return c }

//go:noinline
func sameMixed(m *mixed) *mixed { return m }

//go:noinline
func samePointers(p *pointers) *pointers { return p }

//go:noinline
func largeCouples() {
	var c couples
	p := sameCouples(&c)
	p[0].p = held("large object, first element")
	p[0].n = number(dead("large object, first number"))
	p[9999].p = held("large object, element in the middle")
	p[9999].n = number(dead("large object, number in the middle"))
	p[19999].p = held("large object, last element")
	p[19999].n = number(dead("large object, last number"))
	park()
	use(p[0].p)
}

//go:noinline
func largeMixed() {
	var m mixed
	p := sameMixed(&m)
	p.head[2] = number(dead("large struct, number at the head"))
	p.rows[0][0] = held("large struct, first row")
	p.rows[8999][1] = held("large struct, last row")
	p.n = number(dead("large struct, number"))
	p.tail[0].n[0] = number(dead("large struct, number in the tail"))
	p.tail[299].n[4] = number(dead("large struct, last number in the tail"))
	p.tail[299].p = held("large struct, last pointer in the tail")
	p.last = held("large struct, last pointer")
	p.end[3999] = number(dead("large struct, number at the end"))
	park()
	use(p.last)
}

//go:noinline
func largePointers() {
	var a, d pointers
	p, q := samePointers(&a), samePointers(&d)
	p[16999] = held("large array")
	q[16999] = dead("large array, dead")
	use(q[16999])
	park()
	use(p[16999])
}

func inLargeObjects() {
	start(largeCouples)
	start(largeMixed)
	start(largePointers)
}
