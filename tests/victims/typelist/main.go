// Command typelist prints every type descriptor of its own program as package reflect sees it, one a line, and the fields
// of structs below. What heldby finds in the same executable must be the same.
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"sort"
	"unsafe"

	_ "encoding/xml"
	_ "go/types"
	_ "net/http"
	_ "text/template"
)

//go:linkname typelinks reflect.typelinks
func typelinks() (sections []unsafe.Pointer, offsets [][]int32)

type generic[K comparable, V any] struct {
	table map[K]*V
	list  []V
}
type huge [1 << 17]struct {
	_    [100]byte
	next *huge
}
type local struct{ a, b any }

var keep = []any{
	generic[string, int]{}, generic[[200]byte, [200]uint64]{}, map[local]chan<- func(int, ...string) error{},
	(*huge)(nil), [0]*huge{}, struct {
		Text string `json:"text,omitempty"`
		*local
	}{}, map[string]struct{}{}, map[int8][1 << 12]*local{},
}

func words(t reflect.Type) unsafe.Pointer { return (*[2]unsafe.Pointer)(unsafe.Pointer(&t))[1] }

func typeAt(p unsafe.Pointer) reflect.Type {
	var value any
	(*[2]unsafe.Pointer)(unsafe.Pointer(&value))[0] = p
	return reflect.TypeOf(value)
}

// reachable adds what a type is made of.
func reachable(seen map[unsafe.Pointer]reflect.Type, t reflect.Type) {
	work := []reflect.Type{t}
	for len(work) > 0 {
		t := work[len(work)-1]
		work = work[:len(work)-1]
		if seen[words(t)] != nil {
			continue
		}
		seen[words(t)] = t
		switch t.Kind() {
		case reflect.Map:
			group := *(*unsafe.Pointer)(unsafe.Add(words(t), 64))
			work = append(work, t.Key(), t.Elem(), typeAt(group))
		case reflect.Array, reflect.Chan, reflect.Pointer, reflect.Slice:
			work = append(work, t.Elem())
		case reflect.Struct:
			for i := 0; i < t.NumField(); i++ {
				work = append(work, t.Field(i).Type)
			}
		case reflect.Func:
			for i := 0; i < t.NumIn(); i++ {
				work = append(work, t.In(i))
			}
			for i := 0; i < t.NumOut(); i++ {
				work = append(work, t.Out(i))
			}
		}
	}
}

// A struct's own package, for unnamed ones too; reflect gives it by its fields only.
func pkgPath(t reflect.Type) string {
	if t.PkgPath() != "" || t.Kind() != reflect.Struct {
		return t.PkgPath()
	}
	if name := *(*unsafe.Pointer)(unsafe.Add(words(t), 48)); name != nil && t.Name() == "" {
		n, at := int(*(*byte)(unsafe.Add(name, 1))), 2
		if n >= 128 {
			n, at = n&127|int(*(*byte)(unsafe.Add(name, 2)))<<7, 3
		}
		return string((*[1 << 16]byte)(unsafe.Add(name, at))[:n])
	}
	return ""
}

func main() {
	seen := map[unsafe.Pointer]reflect.Type{}
	sections, offsets := typelinks()
	for i, section := range sections {
		for _, offset := range offsets[i] {
			reachable(seen, typeAt(unsafe.Add(section, offset)))
		}
	}
	reachable(seen, reflect.TypeOf(keep))
	var all []unsafe.Pointer
	for p := range seen {
		all = append(all, p)
	}
	sort.Slice(all, func(i, j int) bool { return uintptr(all[i]) < uintptr(all[j]) })
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, p := range all {
		t := seen[p]
		ptrBytes := *(*uintptr)(unsafe.Add(p, 8))
		fmt.Fprintf(out, "%p %d %d %s %s %q\n", p, t.Size(), ptrBytes, t.Kind(), t.String(), pkgPath(t))
		if t.Kind() == reflect.Struct {
			for i := 0; i < t.NumField(); i++ {
				f := t.Field(i)
				fmt.Fprintf(out, "%p.%03d %s %d %p %t\n", p, i, f.Name, f.Offset, words(f.Type), f.Anonymous)
			}
		}
	}
}
