package main

import (
	"container/list"
	"strconv"
	"sync"
	"sync/atomic"
)

// A cache with a bound, as most libraries have it: a map, and a list of what was used last.
type lru struct {
	bound int // 0: none
	order *list.List
	items map[string]*list.Element
}

type lruItem struct {
	key   string
	value *session
}

func newLRU(bound int) *lru { return &lru{bound, list.New(), map[string]*list.Element{}} }

func (c *lru) add(key string, value *session) {
	if element, ok := c.items[key]; ok {
		c.order.MoveToFront(element)
		element.Value.(*lruItem).value = value
		return
	}
	c.items[key] = c.order.PushFront(&lruItem{key, value})
	if c.bound != 0 && c.order.Len() > c.bound {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.items, last.Value.(*lruItem).key)
	}
}

// The same with a list of its own, whose entries are values of the map.
type ownLRU struct {
	bound       int
	items       map[int]*ownItem
	first, last *ownItem
}

type ownItem struct {
	previous, next *ownItem
	key            int
	value          *session
}

func (c *ownLRU) add(key int, value *session) {
	item := &ownItem{next: c.first, key: key, value: value}
	if c.first != nil {
		c.first.previous = item
	} else {
		c.last = item
	}
	c.first = item
	c.items[key] = item
	if len(c.items) > c.bound {
		delete(c.items, c.last.key)
		c.last = c.last.previous
		c.last.next = nil
	}
}

// A cache in shards, each with its lock.
type shard struct {
	mu      sync.Mutex
	entries map[string]*session
}

var (
	cache   *lru
	ownLast *ownLRU
	shards  [16]shard
	users   sync.Map
	byHost  = map[string]map[string]int{}
	byKind  = map[string]map[int]*session{}
	current atomic.Value // map[string]int: replaced whole
	pool    = map[int]*session{}
)

func countUsers() (n int) {
	users.Range(func(_, _ interface{}) bool { n++; return true })
	return n
}

func inner(host string) map[string]int {
	if byHost[host] == nil {
		byHost[host] = map[string]int{}
	}
	return byHost[host]
}

func countHosts() (n int) {
	for _, paths := range byHost {
		n += len(paths)
	}
	return n
}

func init() {
	programs["lru-without-bound-leak"] = program{
		func() { cache = newLRU(0) }, func(i int) { cache.add(key(i), newSession(i)) }, func() int { return len(cache.items) },
	}
	programs["syncmap-leak"] = program{nil, func(i int) { users.Store(key(i), newSession(i)) }, countUsers}
	programs["syncmap-error-path-leak"] = program{nil, func(i int) {
		users.Store(i, newSession(i))
		if done := i - 50; done >= 0 && done%5 != 0 {
			users.Delete(done)
		}
	}, countUsers}
	// A few hosts, whose paths are never forgotten.
	programs["nested-inner-leak"] = program{nil, func(i int) { inner("host-" + strconv.Itoa(i%3))[key(i)] = i }, countHosts}
	// Hosts come with a few paths each, and are never forgotten.
	programs["nested-outer-leak"] = program{nil, func(i int) { inner("host-" + strconv.Itoa(i/4))[key(i)] = i },
		func() int { return len(byHost) }}

	programs["syncmap-fixed"] = program{nil, func(i int) {
		users.Store(key(i), newSession(i))
		users.Delete(key(i - 300))
	}, countUsers}
	programs["nested-outer-fixed"] = program{nil, func(i int) {
		inner("host-" + strconv.Itoa(i/4))[key(i)] = i
		delete(byHost, "host-"+strconv.Itoa(i/4-100))
	}, func() int { return len(byHost) }}

	programs["lru"] = program{
		func() { cache = newLRU(400) }, func(i int) { cache.add(key(i), newSession(i)) }, func() int { return len(cache.items) },
	}
	programs["lru-with-hits"] = program{
		func() { cache = newLRU(300) },
		func(i int) { cache.add(key(random.Intn(600)), newSession(i)) },
		func() int { return len(cache.items) },
	}
	programs["lru-of-its-own"] = program{
		func() { ownLast = &ownLRU{bound: 400, items: map[int]*ownItem{}} },
		func(i int) { ownLast.add(i, newSession(i)) },
		func() int { return len(ownLast.items) },
	}
	programs["sharded-cache"] = program{nil, func(i int) {
		s := &shards[i%len(shards)]
		s.mu.Lock()
		if s.entries == nil || len(s.entries) >= 20 {
			s.entries = map[string]*session{}
		}
		s.entries[key(i)] = newSession(i)
		s.mu.Unlock()
	}, func() int { return len(shards[0].entries) }}
	programs["syncmap-registry"] = program{nil, func(i int) { users.Store(i%200, newSession(i)) }, countUsers}
	programs["replaced-whole"] = program{nil, func(i int) {
		next := map[string]int{}
		for k := 0; k < 200; k++ {
			next[key(i+k)] = i
		}
		current.Store(next)
	}, func() int { return 200 }}
	programs["connection-pool"] = program{nil, func(i int) {
		if i%10 == 0 && len(pool) > 20 {
			for id := range pool {
				delete(pool, id)
				break
			}
		}
		if len(pool) <= 40 {
			pool[i] = newSession(i)
		}
	}, func() int { return len(pool) }}
}
