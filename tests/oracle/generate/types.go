package main

import (
	"fmt"
	"strings"
)

type kind int

const (
	basic kind = iota // numbers, strings
	pointer
	slice
	array
	structure
	mapping
	channel
	function
	iface
	library // of another package; random.Fill… fills it
)

// typ is a type of a program. There is one for each text.
type typ struct {
	kind       kind
	text       string // as the program writes it
	literal    string // basic: what makes a value of r, a *random.Rand; library: the function that fills one
	elem, key  *typ
	length     int64
	fields     []field
	parameters []*typ
	results    []*typ
	methods    []*method // that it declares; of an interface: that it asks for
	size       int64
	align      int64
	// A declared type is complete once its size is known; before, it can only be pointed at.
	complete bool
	hashable bool // may be the key of a map
	dynamic  bool // comparing values may panic: there are interfaces in it
	named    bool
	fill     [2]string // its functions: for any value, and for one that can be hashed
}

type field struct {
	name     string // "_" cannot be filled
	embedded bool
	t        *typ
}

type method struct {
	name string
	t    *typ // its function
}

// The ends of size classes (runtime/sizeclasses.go, the same from Go 1.16 to 1.27) up to which a struct may be filled.
var classes = []int64{8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448, 480,
	512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864, 5376, 6144,
	6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264,
	28672, 32768}

func basicTypes() (list []*typ) {
	add := func(text string, size int64, literal string) {
		list = append(list, &typ{kind: basic, text: text, size: size, align: min(size, 8), complete: true, hashable: true,
			literal: literal})
	}
	for _, text := range []string{"int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "int", "uintptr"} {
		size := int64(8)
		for _, width := range []int64{8, 16, 32} {
			if strings.HasSuffix(text, fmt.Sprint(width)) {
				size = width / 8
			}
		}
		add(text, size, text+"(r.Number())")
	}
	add("bool", 1, "r.Chance(2)")
	add("float32", 4, "float32(r.Float())")
	add("float64", 8, "r.Float()")
	add("complex128", 16, "complex(r.Float(), 1)")
	list[len(list)-1].align = 8
	add("string", 16, "r.Text()")
	list[len(list)-1].align = 8
	return list
}

func libraryTypes() (list []*typ) {
	add := func(text string, size int64, fill string, hashable bool) {
		list = append(list, &typ{kind: library, text: text, size: size, align: 8, complete: true, hashable: hashable,
			literal: "random." + fill})
	}
	add("sync.Map", 48, "FillSyncMap", false)
	add("*sync.Pool", 8, "FillPool", true)
	add("sync.Mutex", 8, "FillMutex", false)
	add("atomic.Value", 16, "FillAtomic", false)
	add("*list.List", 8, "FillList", true)
	add("*ring.Ring", 8, "FillRing", true)
	add("*time.Timer", 8, "FillTimer", true)
	add("*time.Ticker", 8, "FillTicker", true)
	add("time.Time", 24, "FillTime", true)
	add("context.Context", 16, "FillContext", false)
	add("error", 16, "FillError", false)
	add("*bytes.Buffer", 8, "FillBuffer", true)
	add("*strings.Builder", 8, "FillBuilder", true)
	add("*big.Int", 8, "FillNumber", true)
	add("*regexp.Regexp", 8, "FillExpression", true)
	add("*template.Template", 8, "FillTemplate", true)
	add("*url.URL", 8, "FillURL", true)
	add("reflect.Value", 24, "FillReflected", false)
	add("reflect.Type", 16, "FillType", false)
	add("unsafe.Pointer", 8, "FillUnsafe", true)
	return list
}

// layOut gives a struct its size and what follows from its fields.
func (t *typ) layOut() {
	t.size, t.align, t.hashable, t.dynamic = 0, 1, true, false
	for i, f := range t.fields {
		t.size = roundUp(t.size, f.t.align) + f.t.size
		if f.t.size == 0 && i == len(t.fields)-1 && t.size > 0 {
			t.size++ // nothing may point past the end
		}
		t.align = max(t.align, f.t.align)
		t.hashable = t.hashable && f.t.hashable
		t.dynamic = t.dynamic || f.t.dynamic
	}
	t.size = roundUp(t.size, t.align)
	t.complete = true
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// --- Composite types: each made once ---

func (g *generator) intern(t typ) *typ {
	if old := g.types[t.text]; old != nil {
		return old
	}
	t.complete = true
	g.types[t.text] = &t
	g.all = append(g.all, &t)
	return &t
}

func (g *generator) pointerTo(t *typ) *typ {
	return g.intern(typ{kind: pointer, text: "*" + t.text, elem: t, size: 8, align: 8, hashable: true})
}

func (g *generator) sliceOf(t *typ) *typ {
	return g.intern(typ{kind: slice, text: "[]" + t.text, elem: t, size: 24, align: 8})
}

func (g *generator) arrayOf(n int64, t *typ) *typ {
	return g.intern(typ{kind: array, text: fmt.Sprintf("[%d]%s", n, t.text), elem: t, length: n, size: n * t.size, align: t.align,
		hashable: t.hashable, dynamic: t.dynamic})
}

func (g *generator) mapOf(k, v *typ) *typ {
	return g.intern(typ{kind: mapping, text: fmt.Sprintf("map[%s]%s", k.text, v.text), key: k, elem: v, size: 8, align: 8})
}

func (g *generator) chanOf(t *typ) *typ {
	text := "chan " + t.text
	if strings.HasPrefix(t.text, "<-") {
		text = "chan (" + t.text + ")"
	}
	return g.intern(typ{kind: channel, text: text, elem: t, size: 8, align: 8, hashable: true})
}

func (g *generator) functionOf(parameters, results []*typ) *typ {
	return g.intern(typ{kind: function, text: signature(parameters, results), parameters: parameters, results: results, size: 8, align: 8})
}

func signature(parameters, results []*typ) string {
	text := "func(" + list(parameters) + ")"
	switch len(results) {
	case 0:
	case 1:
		text += " " + results[0].text
	default:
		text += " (" + list(results) + ")"
	}
	return text
}

func (g *generator) structOf(fields []field) *typ {
	t := typ{kind: structure, fields: fields}
	t.layOut()
	t.text = structText(fields)
	return g.intern(t)
}

func structText(fields []field) string {
	texts := make([]string, len(fields))
	for i, f := range fields {
		texts[i] = f.text()
	}
	return "struct { " + strings.Join(texts, "; ") + " }"
}

func (f field) text() string {
	if f.embedded {
		return f.t.text
	}
	return f.name + " " + f.t.text
}

func list(types []*typ) string {
	texts := make([]string, len(types))
	for i, t := range types {
		texts[i] = t.text
	}
	return strings.Join(texts, ", ")
}
