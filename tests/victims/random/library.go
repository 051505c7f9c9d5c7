package random

import (
	"bytes"
	"container/list"
	"container/ring"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"time"
	"unsafe"
)

// Values of library types. Each function fills one; what it holds comes from Anything.

func (r *Rand) anything() (v any) {
	r.Anything(r, &v)
	return v
}

// FillSyncMap fills a map for goroutines: some of it read, some only written, some deleted.
func FillSyncMap(r *Rand, v *sync.Map) {
	for i, n := 0, r.N(60); i < n; i++ {
		var key any = r.Text()
		if r.Chance(2) {
			key = i
		}
		if _, has := v.Load(key); has {
			continue
		}
		if r.Chance(5) {
			r.Quietly()
			v.Store(key, r.anything())
			r.Loudly()
			v.Delete(key)
		} else {
			v.Store(key, r.anything())
		}
		if r.Chance(20) {
			v.Range(func(k, v any) bool { return true })
		}
	}
}

type pooled struct {
	pool *sync.Pool
	what any
}

var pools []pooled

// FillPool makes a pool; what it pools is put into it after each collection, which empties it.
func FillPool(r *Rand, v **sync.Pool) {
	r.Quietly()
	defer r.Loudly()
	what := r.anything()
	*v = &sync.Pool{New: func() any { return what }}
	if r.quiet > 1 {
		return // of a goroutine: the list is not for it
	}
	for i := r.N(4); i > 0; i-- {
		pools = append(pools, pooled{*v, r.anything()})
	}
}

func fillPools() {
	for _, p := range pools {
		p.pool.Put(p.what)
	}
}

// FillAtomic stores a value that is replaced atomically.
func FillAtomic(r *Rand, v *atomic.Value) {
	if what := r.anything(); what != nil {
		v.Store(what)
	}
}

// FillMutex leaves a mutex locked or not.
func FillMutex(r *Rand, v *sync.Mutex) {
	if r.Chance(2) {
		v.Lock()
	}
}

// FillList fills a doubly linked list.
func FillList(r *Rand, v **list.List) {
	*v = list.New()
	for i := r.N(6); i > 0; i-- {
		(*v).PushBack(r.anything())
	}
}

// FillRing makes a ring.
func FillRing(r *Rand, v **ring.Ring) {
	*v = ring.New(1 + r.N(5))
	(*v).Value = r.anything()
}

// FillTimer makes a timer: of a channel, of a function, stopped, set again.
func FillTimer(r *Rand, v **time.Timer) {
	wait := time.Duration(100+r.N(100)) * time.Hour
	r.Quietly() // a stopped timer lets go of its function
	what := r.anything()
	r.Loudly()
	if r.Chance(2) {
		*v = time.NewTimer(wait)
	} else {
		*v = time.AfterFunc(wait, func() { Use(what) })
	}
	switch r.N(4) {
	case 0:
		(*v).Stop()
	case 1:
		(*v).Reset(wait / 2)
	}
}

// FillTicker makes a ticker.
func FillTicker(r *Rand, v **time.Ticker) {
	*v = time.NewTicker(time.Duration(100+r.N(100)) * time.Hour)
	if r.Chance(3) {
		(*v).Stop()
	}
}

// FillTime takes a time with or without a zone of its own.
func FillTime(r *Rand, v *time.Time) {
	*v = time.Now()
	if r.Chance(2) {
		*v = v.In(time.FixedZone(r.Text(), r.N(3600)))
	}
}

type key struct{ name string }

// FillContext makes a chain of contexts, some of which are done.
func FillContext(r *Rand, v *context.Context) {
	*v = context.Background()
	r.Quietly() // a canceled context forgets its children
	defer r.Loudly()
	for i := r.N(5); i > 0; i-- {
		cancel := func() {}
		switch r.N(3) {
		case 0:
			*v = context.WithValue(*v, key{r.Text()}, r.anything())
		case 1:
			*v, cancel = context.WithCancel(*v)
		case 2:
			*v, cancel = context.WithTimeout(*v, time.Duration(100+r.N(100))*time.Hour)
		}
		if r.Chance(4) {
			cancel()
		}
	}
}

type failure struct {
	what any
	text string
}

func (f *failure) Error() string { return f.text }

// FillError makes an error.
func FillError(r *Rand, v *error) {
	switch r.N(4) {
	case 0:
		*v = errors.New(r.Text())
	case 1:
		*v = &failure{r.anything(), r.Text()}
	case 2:
		*v = fmt.Errorf("%s: %w", r.Text(), errors.New(r.Text()))
	case 3:
		*v = io.EOF
	}
}

// FillBuffer fills a buffer and reads from it.
func FillBuffer(r *Rand, v **bytes.Buffer) {
	*v = new(bytes.Buffer)
	for i := r.N(5); i > 0; i-- {
		(*v).WriteString(r.Text())
		(*v).Next(r.N(4))
	}
}

// FillBuilder fills a builder.
func FillBuilder(r *Rand, v **strings.Builder) {
	*v = new(strings.Builder)
	(*v).WriteString(r.Text())
}

// FillNumber makes a large number.
func FillNumber(r *Rand, v **big.Int) {
	*v = new(big.Int).Lsh(big.NewInt(int64(r.N(1000))), uint(r.N(4000)))
}

// FillExpression compiles an expression.
func FillExpression(r *Rand, v **regexp.Regexp) {
	*v = regexp.MustCompile(fmt.Sprintf(`^(\w+)-(?P<n>\d{1,%d})(?:\.[a-f]*)?$`, 1+r.N(5)))
}

// FillTemplate parses a template.
func FillTemplate(r *Rand, v **template.Template) {
	*v = template.Must(template.New("t").Parse(`{{range .}}{{.Name | printf "%q"}}{{else}}none{{end}}`))
}

// FillURL parses an address.
func FillURL(r *Rand, v **url.URL) {
	*v, _ = url.Parse(fmt.Sprintf("http://user:pw@host:%d/path?q=%d#f", 1+r.N(1000), r.N(9)))
}

// FillReflected makes a reflect.Value.
func FillReflected(r *Rand, v *reflect.Value) { *v = reflect.ValueOf(r.anything()) }

// FillType takes the type of something.
func FillType(r *Rand, v *reflect.Type) {
	r.Quietly()
	*v = reflect.TypeOf(r.anything())
	r.Loudly()
}

// FillUnsafe takes an address that has no type, of the beginning or the middle of an object.
func FillUnsafe(r *Rand, v *unsafe.Pointer) {
	if !r.Enter() {
		return
	}
	r.Quietly()
	what := new(struct {
		pad  [2]uint64
		what any
	})
	what.what = r.anything()
	r.Loudly()
	*v = unsafe.Pointer(what)
	if r.Chance(2) {
		*v = unsafe.Pointer(&what.pad[1])
	}
	r.Leave()
}

// Finalized gives an object a finalizer: one that holds something, takes the object, or none again.
func Finalized[T any](r *Rand, v *T) {
	r.Quietly()
	what := r.anything()
	r.Loudly()
	runtime.SetFinalizer(v, func(v *T) { Use(what) })
	if r.Chance(6) {
		runtime.SetFinalizer(v, nil)
		runtime.SetFinalizer(v, Look[T])
	}
}

var resurrected []any

// Lost makes an object that nobody holds, whose finalizer may keep it.
//
//go:noinline
func Lost[T any](r *Rand, fill func(r *Rand, v *T)) {
	r.Quietly()
	v := new(T)
	fill(r, v)
	r.Loudly()
	if unsafe.Sizeof(*v) == 0 {
		return
	}
	keep := r.Chance(2)
	runtime.SetFinalizer(v, func(v *T) {
		if keep {
			resurrected = append(resurrected, v)
		}
	})
}

var blockedFinalizer = make(chan bool)

// Queue leaves the goroutine that runs finalizers blocked in one with others behind it.
func Queue(r *Rand) {
	r.Quietly()
	started := make(chan bool, 1)
	for i := 2 + r.N(200); i > 0; i-- {
		what := &struct {
			what any
			next *int
		}{what: r.anything()}
		runtime.SetFinalizer(what, func(any) {
			select {
			case started <- true:
			default:
			}
			<-blockedFinalizer
		})
	}
	r.Loudly()
	runtime.GC()
	<-started
}
