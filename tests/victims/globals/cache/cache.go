// Package cache has globals of the kinds that hold memory in services.
package cache

import "sync"

type Session struct {
	ID    string
	Owner *User
	Tags  map[string]string
}

type User struct {
	Name    string
	Friends []*User
}

type Store struct {
	mu   sync.Mutex
	byID map[string]*Session
	list []*Session
}

//go:noinline
func (s *Store) Put(x *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]*Session{}
	}
	s.byID[x.ID] = x
	s.list = append(s.list, x)
}

//go:noinline
func (s *Store) Len() int {
	return len(s.list)
}

type keeper struct {
	Store
	seen [8]*User
}

//go:noinline
func (k *keeper) see(u *User) { k.seen[len(u.Name)&7] = u }

//go:noinline
func see(k *keeper, u *User) { k.see(u) }

type counters struct {
	hits, misses int64
	last         *Session
}

type set map[string]bool

//go:noinline
func (s set) add(k string) { s[k] = true }

type ring[T any] struct {
	items []T
	next  *ring[T]
}

//go:noinline
func (r *ring[T]) push(v T) {
	r.items = append(r.items, v)
}

type waiter func(*Session) bool

var (
	sessions = &Store{}
	direct   Store
	users    = map[string]*User{}
	byNumber map[int][]*Session
	recent   []*Session
	first    *Session
	totals   counters
	names    set = set{}
	updates      = make(chan *Session, 16)
	shared   sync.Map
	buffers  = sync.Pool{New: func() any { return new([4096]byte) }}
	current  userPointer
	history  ring[*Session]
	onEvict  waiter
	lookup   func(string) *User
	anything any
	shards   [8]*Store
	grid     [4]counters
	text     string
	blob     []byte
	mu       sync.RWMutex
	Exported = map[string]*Session{}

	// They begin with a Store, but are more than that: one is used by its parts, one by its address only.
	watched struct {
		Store
		by *User
	}
	kept keeper
)

// Add touches every global.
//
//go:noinline
func Add(id string) {
	s := &Session{ID: id, Owner: &User{Name: id}}
	sessions.Put(s)
	direct.Put(s)
	watched.Put(s)
	watched.by = s.Owner
	kept.Put(s)
	see(&kept, s.Owner)
	users[id] = s.Owner
	if byNumber == nil {
		byNumber = map[int][]*Session{}
	}
	byNumber[len(id)] = append(byNumber[len(id)], s)
	recent = append(recent, s)
	if first == nil {
		first = &Session{ID: "first"}
	}
	totals.hits++
	totals.last = s
	names.add(id)
	select {
	case updates <- s:
	default:
	}
	shared.Store(id, s)
	b := buffers.Get()
	buffers.Put(b)
	current.Store(&User{Name: "now " + id})
	history.push(s)
	onEvict = func(o *Session) bool { return o == s }
	lookup = func(n string) *User { return users[n+id] }
	anything = s
	if shards[len(id)&7] == nil {
		shards[len(id)&7] = &Store{}
	}
	shards[len(id)&7].Put(s)
	grid[len(id)&3].last = s
	text = "at " + id
	blob = append(blob, id...)
	mu.Lock()
	mu.Unlock()
}

//go:noinline
func Report() int {
	n := sessions.Len() + watched.Len() + len(watched.by.Name) + direct.Len() + len(users) + len(byNumber) + len(recent) + len(names) + len(updates)
	mu.RLock()
	defer mu.RUnlock()
	if onEvict != nil && lookup != nil && onEvict(first) {
		n += len(lookup("x").Name)
	}
	if u := current.Load(); u != nil {
		n += len(u.Name)
	}
	if _, ok := anything.(*Session); ok {
		n++
	}
	for _, s := range shards {
		if s != nil {
			n += s.Len()
		}
	}
	return n + len(history.items) + len(text) + len(blob) + int(totals.hits+grid[1].misses)
}
