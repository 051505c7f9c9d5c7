// Command names compares what heldby says of a program's global variables with what its compiler and linker wrote down.
//
// usage: names [-v] [-certain] [-typed] [-bias N] [-own PREFIX] TWIN <FACTS
//
// TWIN is the program with symbols and DWARF at the same addresses (those of the process are N higher), FACTS the output of
// oracle-names. With -certain every variable must have its exact name and extent, with -typed its type. With -own the package of every
// variable of a package with that prefix must be right, no type of theirs may be wrong, and what points into the heap may
// not be charged to a wrong package. Scores come last; what is wrong is listed before.
package main

import (
	"bufio"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"flag"
	"fmt"
	"net/url"
	"os"
	"slices"
	"sort"
	"strings"
)

type variable struct {
	name     string // import path and name, unescaped
	pkg      string
	addr     uint64
	size     uint64
	typeName string
	desc     uint64 // address of the type descriptor, 0: the type has none
	pointee  uint64 // a pointer or slice: size of what it points to, or of an element; 0 unknown
	slice    bool
}

type global struct {
	addr, size uint64
	certain    bool
	runtime    bool
	staticOf   uint64
	desc       uint64
	name, pkg  string
	typeName   string
}

const attrGoRuntimeType = 0x2904

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "names:", err)
		os.Exit(2)
	}
}

func unescape(s string) string {
	u, err := url.PathUnescape(s)
	if err != nil {
		return s
	}
	return u
}

// packageOf cuts an escaped symbol name behind its import path.
func packageOf(symbol string) string {
	slash := strings.LastIndexByte(symbol, '/')
	dot := strings.IndexByte(symbol[slash+1:], '.')
	if dot < 0 {
		return "runtime" // runtime/cgo.go: _cgo_yield and others
	}
	return unescape(symbol[:slash+1+dot])
}

// address of a location that is DW_OP_addr alone: Go writes no other for its variables.
func address(loc []byte) (uint64, bool) {
	if len(loc) != 9 || loc[0] != 3 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(loc[1:]), true
}

// runtimeType returns the name of a type and the offset of its descriptor: typedefs lead to the entry that has it.
func runtimeType(d *dwarf.Data, off dwarf.Offset) (name string, rt uint64) {
	r := d.Reader()
	for {
		r.Seek(off)
		e, err := r.Next()
		if err != nil || e == nil {
			return name, 0
		}
		n, _ := e.Val(dwarf.AttrName).(string)
		if name != "" && n != name {
			return name, 0
		}
		name = n
		if rt, _ := e.Val(attrGoRuntimeType).(uint64); rt != 0 {
			return name, rt
		}
		next, ok := e.Val(dwarf.AttrType).(dwarf.Offset)
		if e.Tag != dwarf.TagTypedef || !ok {
			return name, 0
		}
		off = next
	}
}

// pointeeSize returns the size of what a pointer points to or of a slice's element, 0 for other types.
func pointeeSize(d *dwarf.Data, off dwarf.Offset) (size uint64, slice bool) {
	t, err := d.Type(off)
	for err == nil {
		switch outer := t.(type) {
		case *dwarf.TypedefType:
			t = outer.Type
			continue
		case *dwarf.StructType:
			if slice || len(outer.Field) != 3 || outer.Field[0].Name != "array" {
				return 0, false
			}
			t, slice = outer.Field[0].Type, true
			continue
		case *dwarf.PtrType:
			return uint64(max(outer.Type.Size(), 0)), slice
		}
		break
	}
	return 0, false
}

func in(sections [][2]uint64, addr uint64) bool {
	for _, s := range sections {
		if addr >= s[0] && addr < s[1] {
			return true
		}
	}
	return false
}

// readVariables lists the variables in these sections.
func readVariables(f *elf.File, symbols []elf.Symbol, sections [][2]uint64) []variable {
	var types uint64
	sizes := map[uint64]uint64{}
	for _, s := range symbols {
		if s.Name == "runtime.types" {
			types = s.Value
		}
		if s.Size > 0 {
			sizes[s.Value] = s.Size
		}
	}
	if types == 0 { // 1.27 has no such symbol: the section
		if s := f.Section(".go.type"); s != nil {
			types = s.Addr
		}
	}
	d, err := f.DWARF()
	check(err)
	var found []variable
	r := d.Reader()
	for {
		e, err := r.Next()
		check(err)
		if e == nil {
			break
		}
		switch e.Tag {
		case dwarf.TagCompileUnit:
			continue
		case dwarf.TagVariable:
			loc, _ := e.Val(dwarf.AttrLocation).([]byte)
			name, _ := e.Val(dwarf.AttrName).(string)
			addr, ok := address(loc)
			if !ok || !in(sections, addr) || strings.Contains(name, "..") {
				continue
			}
			v := variable{name: unescape(name), pkg: packageOf(name), addr: addr, size: sizes[addr]}
			if off, ok := e.Val(dwarf.AttrType).(dwarf.Offset); ok {
				var rt uint64
				v.typeName, rt = runtimeType(d, off)
				v.pointee, v.slice = pointeeSize(d, off)
				if rt != 0 {
					v.desc = types + rt
				}
			}
			found = append(found, v)
		}
		if e.Children {
			r.SkipChildren()
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].addr < found[j].addr })
	return found
}

// staticOwner is a variable whose initial value leads to an address without a symbol, where size bytes belong to it: as
// many as its type says, or what is usual.
type staticOwner struct {
	variable
	start, size uint64
	sure        bool
}

const usualSize = 64

// staticOwners follows the initial values of variables to data without a symbol: from which variables an address is reached.
func staticOwners(f *elf.File, variables []variable) map[uint64][]staticOwner {
	s := f.Section(".data")
	data, err := s.Data()
	check(err)
	covered := func(addr uint64) bool {
		i := sort.Search(len(variables), func(i int) bool { return variables[i].addr > addr }) - 1
		return i >= 0 && addr-variables[i].addr < variables[i].size
	}
	owners := map[uint64][]staticOwner{}
	for _, v := range variables {
		type span struct{ from, to uint64 }
		todo := []span{{v.addr, v.addr + v.size}}
		seen := map[uint64]bool{}
		for len(todo) > 0 {
			next := todo[0]
			todo = todo[1:]
			for at := next.from; at >= s.Addr && at < s.Addr+s.Size-7 && at+8 <= next.to; at += 8 {
				to := binary.LittleEndian.Uint64(data[at-s.Addr:])
				if to == 0 || seen[to] || covered(to) {
					continue
				}
				seen[to] = true
				size := uint64(usualSize)
				if at == v.addr && v.pointee > 0 {
					size = v.pointee
					if v.slice && at+24 <= s.Addr+s.Size {
						size *= binary.LittleEndian.Uint64(data[at+16-s.Addr:])
					}
				}
				owners[to] = append(owners[to], staticOwner{v, to, size, size != usualSize})
				end := to + 8 // as far as nothing else begins: a word at a time is enough, pointers lead to first words
				for end < to+size && !covered(end) {
					end += 8
				}
				todo = append(todo, span{to, end})
			}
		}
	}
	return owners
}

// A root of heldby's: where its pointers are, and the bytes that would be freed without it.
type root struct {
	retained uint64
	from     []uint64
	name     string
}

func readRoot(fields []string) (r root, ok bool) {
	words := strings.Fields(fields[0])
	if len(words) < 4 || words[0] != "root" || len(fields) != 2 {
		return r, false
	}
	fmt.Sscan(words[1], &r.retained)
	for _, word := range words[3:] {
		var addr uint64
		fmt.Sscanf(word, "%x", &addr)
		r.from = append(r.from, addr)
	}
	r.name = fields[1]
	return r, true
}

func readFacts() (list []global, holds []uint64, roots []root) {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		fields := strings.Split(in.Text(), "\t")
		var g global
		var certain, runtime int
		n, _ := fmt.Sscanf(fields[0], "global %x %d %d %d %x %x", &g.addr, &g.size, &certain, &runtime, &g.staticOf, &g.desc)
		if n != 6 || len(fields) != 4 {
			var addr uint64
			if n, _ := fmt.Sscanf(fields[0], "holds %x", &addr); n == 1 {
				holds = append(holds, addr)
			}
			if r, ok := readRoot(fields); ok {
				roots = append(roots, r)
				holds = append(holds, r.from...)
			}
			continue
		}
		g.certain, g.runtime = certain == 1, runtime == 1
		g.name, g.pkg, g.typeName = fields[1], fields[2], fields[3]
		list = append(list, g)
	}
	return list, holds, roots
}

func at(list []global, addr uint64) *global {
	i := sort.Search(len(list), func(i int) bool { return list[i].addr > addr }) - 1
	if i < 0 || addr-list[i].addr >= list[i].size {
		return nil
	}
	return &list[i]
}

func describe(g *global) string {
	if g == nil {
		return "nothing"
	}
	return g.name
}

type score struct{ right, wrong, unknown int }

func (s score) String() string {
	all := s.right + s.wrong + s.unknown
	if all == 0 {
		return "none"
	}
	return fmt.Sprintf("%d right (%.1f %%), %d wrong (%.2f %%), %d unknown of %d", s.right, 100*float64(s.right)/float64(all),
		s.wrong, 100*float64(s.wrong)/float64(all), s.unknown, all)
}

func isRuntime(pkg string) bool {
	return pkg == "runtime" || strings.HasPrefix(pkg, "internal/runtime/") || strings.HasPrefix(pkg, "runtime/internal/") ||
		pkg == "internal/cpu" || pkg == "internal/abi" || pkg == "internal/bytealg" || pkg == "internal/chacha8rand" ||
		pkg == "internal/goarch" || pkg == "internal/goexperiment"
}

func main() {
	verbose := flag.Bool("v", false, "list what is unknown, too")
	certain := flag.Bool("certain", false, "names must be exact")
	typed := flag.Bool("typed", false, "types must be known and right")
	bias := flag.Uint64("bias", 0, "where the program was loaded")
	own := flag.String("own", "", "prefix of the packages that must be right")
	flag.Parse()
	f, err := elf.Open(flag.Arg(0))
	check(err)
	symbols, err := f.Symbols()
	check(err)
	list, holds, roots := readFacts()
	var pointers [][2]uint64 // data and bss: where variables with pointers are
	bounds := map[string]uint64{}
	for _, s := range symbols {
		bounds[s.Name] = s.Value
	}
	for _, s := range []string{"data", "bss"} {
		pointers = append(pointers, [2]uint64{bounds["runtime."+s], bounds["runtime.e"+s]})
	}
	for i := range list {
		list[i].addr -= *bias
		if list[i].desc != 0 {
			list[i].desc -= *bias
		}
	}
	var packages, holders, types, internal, names, ownPackages, ownTypes score
	isOwn := func(pkg string) bool { return *own != "" && strings.HasPrefix(pkg, *own) }
	variables := readVariables(f, symbols, pointers)
	for _, v := range variables {
		g := at(list, v.addr)
		counted := []*score{&packages}
		if v.typeName != "string" && v.typeName != "error" { // those lead to nothing that grows
			counted = append(counted, &holders)
		}
		if isOwn(v.pkg) {
			counted = append(counted, &ownPackages)
		}
		for i, c := range counted {
			switch {
			case g == nil || g.pkg == "":
				c.unknown++
				if *verbose && i == 0 {
					fmt.Printf("unknown %s %s (%x): %s\n", v.name, v.typeName, v.addr, describe(g))
				}
			case g.pkg == v.pkg:
				c.right++
			default:
				c.wrong++
				if i == 0 {
					fmt.Printf("package of %s %s (%x): %s, %s\n", v.name, v.typeName, v.addr, g.pkg, g.name)
				}
			}
		}
		// DWARF has no descriptor for unsafe.Pointer up to 1.20.
		if v.desc == 0 && g != nil && g.addr == v.addr && g.desc != 0 && g.typeName != v.typeName {
			types.wrong++
			if isOwn(v.pkg) {
				ownTypes.wrong++
			}
			fmt.Printf("type of %s (%x) is %s, without descriptor: %s, %s\n", v.name, v.addr, v.typeName, g.typeName, g.name)
		}
		if v.desc != 0 {
			switch {
			case g == nil || g.desc == 0 || g.addr != v.addr:
				types.unknown++
				if *verbose {
					fmt.Printf("untyped %s %s\n", v.name, v.typeName)
				}
			case g.desc == v.desc:
				types.right++
				if isOwn(v.pkg) {
					ownTypes.right++
				}
			default:
				types.wrong++
				if isOwn(v.pkg) {
					ownTypes.wrong++
				}
				fmt.Printf("type of %s (%x) is %s: %s, %s\n", v.name, v.addr, v.typeName, g.typeName, g.name)
			}
		}
		if g != nil {
			switch {
			case g.runtime == isRuntime(v.pkg):
				internal.right++
			case g.runtime:
				internal.wrong++
				fmt.Printf("not the runtime's own: %s, %s\n", v.name, g.name)
			default:
				internal.unknown++
				if *verbose {
					fmt.Printf("the runtime's own: %s, %s\n", v.name, g.name)
				}
			}
		}
		if *certain {
			short := v.name[strings.LastIndexByte(v.name, '/')+1:]
			ok := g != nil && g.certain && g.addr == v.addr && g.pkg == v.pkg && (v.size == 0 || g.size == v.size) &&
				strings.HasSuffix(g.name, short[max(strings.LastIndexByte(short, '.'), 0):])
			if ok {
				names.right++
			} else {
				names.wrong++
				fmt.Printf("name of %s (%x): %+v\n", v.name, v.addr, g)
			}
		}
	}
	owners := staticOwners(f, variables)
	var starts []uint64
	largest := uint64(usualSize)
	for start, list := range owners {
		starts = append(starts, start)
		for _, o := range list {
			largest = max(largest, o.size)
		}
	}
	slices.Sort(starts)
	// Whose variable the word at an address is: one, or, for data without a symbol, those that lead to where it begins.
	ownersAt := func(addr uint64) (v *variable, static []staticOwner) {
		i := sort.Search(len(variables), func(i int) bool { return variables[i].addr > addr }) - 1
		if i >= 0 && addr-variables[i].addr < variables[i].size {
			return &variables[i], nil
		}
		for i := sort.Search(len(starts), func(i int) bool { return starts[i] > addr }) - 1; i >= 0 && static == nil; i-- {
			if starts[i]+largest <= addr {
				break
			}
			for _, o := range owners[starts[i]] {
				if addr-starts[i] < o.size {
					o.sure = o.sure || addr == starts[i]
					static = append(static, o)
				}
			}
		}
		return nil, static
	}
	var live, static score // what the words that point into the heap are said to belong to
	for _, addr := range holds {
		addr -= *bias
		g := at(list, addr)
		v, expected := ownersAt(addr)
		switch {
		case v == nil && expected == nil:
		case v == nil:
			ok, sure := false, false
			for _, v := range expected {
				sure = sure || v.sure
				ok = ok || g != nil && g.pkg == v.pkg && (!*certain || g.staticOf != 0 && at(list, g.staticOf-*bias).name == g.name &&
					g.staticOf-*bias == v.addr)
			}
			switch {
			case ok:
				static.right++
			case sure: // else it may be the next one's
				static.wrong++
				fmt.Printf("static data of %s (%x): %s\n", expected[0].name, addr, describe(g))
			}
		case g == nil || g.pkg == "":
			live.unknown++
			if *verbose {
				fmt.Printf("unknown holder %s+%d %s: %s\n", v.name, addr-v.addr, v.typeName, describe(g))
			}
		case g.pkg == v.pkg:
			live.right++
		default:
			live.wrong++
			fmt.Printf("package of holder %s+%d %s: %s, %s\n", v.name, addr-v.addr, v.typeName, g.pkg, g.name)
		}
	}
	var retained score // bytes of roots: right when every word that they stand for is of the package that they say
	for _, r := range roots {
		verdict := &retained.right
		whose := ""
		for _, addr := range r.from {
			addr -= *bias
			g := at(list, addr)
			v, expected := ownersAt(addr)
			if v != nil {
				expected = []staticOwner{{variable: *v, sure: true}}
			}
			ok, sure := false, false
			for _, v := range expected {
				whose = v.name
				sure = sure || v.sure
				ok = ok || g != nil && g.pkg == v.pkg
			}
			switch {
			case g == nil || g.pkg == "" || !ok && !sure:
				if verdict == &retained.right {
					verdict = &retained.unknown
				}
			case !ok:
				verdict = &retained.wrong
			}
		}
		*verdict += int(r.retained)
		if verdict == &retained.wrong || *verbose && verdict == &retained.unknown {
			what := "unknown"
			if verdict == &retained.wrong {
				what = "wrong"
			}
			fmt.Printf("%s root %d B of %s: %s\n", what, r.retained, whose, r.name)
		}
	}
	var liveTypes score // of the variables that those words are in
	last := uint64(0)
	for _, addr := range holds {
		addr -= *bias
		i := sort.Search(len(variables), func(i int) bool { return variables[i].addr > addr }) - 1
		if i < 0 || addr-variables[i].addr >= variables[i].size || variables[i].addr == last {
			continue
		}
		v := variables[i]
		last = v.addr
		switch g := at(list, v.addr); {
		case g == nil || g.desc == 0 || g.addr != v.addr:
			liveTypes.unknown++
		case g.desc == v.desc:
			liveTypes.right++
		default:
			liveTypes.wrong++
		}
	}
	if len(holds) > 0 {
		fmt.Println("types of variables that point into the heap:", liveTypes)
		fmt.Println("packages of words that point into the heap:", live)
		fmt.Println("static data that points into the heap:", static)
	}
	if len(roots) > 0 {
		fmt.Println("bytes of roots:", retained)
	}
	fmt.Println("packages:", packages)
	fmt.Println("packages, strings and errors aside:", holders)
	fmt.Println("types:", types)
	fmt.Println("runtime's own:", internal)
	if *certain {
		fmt.Println("names:", names)
	}
	failed := packages.right == 0
	if *certain {
		failed = failed || names.wrong+static.wrong > 0
	}
	if *typed {
		failed = failed || types.wrong+types.unknown > 0
	}
	if *own != "" {
		fmt.Println("own packages:", ownPackages)
		fmt.Println("own types:", ownTypes)
		failed = failed || ownPackages.right == 0 || ownPackages.wrong+ownPackages.unknown > 0 || ownTypes.right == 0 ||
			ownTypes.wrong > 0 || live.wrong > 0 || static.wrong > 0 || live.unknown*20 > live.right || packages.wrong*100 > packages.right
	}
	if failed {
		os.Exit(1)
	}
}
