package main

import "container/list"

type event struct {
	id   int
	text string
}

type recorder struct {
	name   string
	events []*event
}

type node struct {
	next  *node
	value *session
}

type chain struct{ first, last *node }

type tree struct {
	left, right *tree
	key         int
}

type topic struct {
	parent   *topic
	children []*topic
	name     string
}

var (
	history []event
	numbers []int
	record  *recorder
	stack   *node
	line    chain
	index   *tree
	topics  = &topic{}
	visits  = list.New()
	backlog chan *session
	ticks   chan int
	ring    [256]*session
)

func pushed(i int) { stack = &node{stack, newSession(i)} }

func appended(i int) {
	n := &node{value: newSession(i)}
	if line.last == nil {
		line.first = n
	} else {
		line.last.next = n
	}
	line.last = n
}

func length(n *node) (length int) {
	for ; n != nil; n = n.next {
		length++
	}
	return length
}

func grown(t **tree, key int) {
	for *t != nil {
		if key < (*t).key {
			t = &(*t).left
		} else {
			t = &(*t).right
		}
	}
	*t = &tree{key: key}
}

func (t *tree) size() int {
	if t == nil {
		return 0
	}
	return 1 + t.left.size() + t.right.size()
}

func init() {
	programs["slice-leak"] = program{nil, func(i int) { history = append(history, event{i, key(i)}) }, func() int { return len(history) }}
	programs["slice-numbers-leak"] = program{nil, func(i int) { numbers = append(numbers, i) }, func() int { return len(numbers) }}
	programs["slice-field-leak"] = program{
		func() { record = &recorder{name: "all"} },
		func(i int) { record.events = append(record.events, &event{i, key(i)}) },
		func() int { return len(record.events) },
	}
	programs["linked-stack-leak"] = program{nil, pushed, func() int { return length(stack) }}
	programs["linked-queue-leak"] = program{nil, appended, func() int { return length(line.first) }}
	programs["tree-leak"] = program{nil, func(int) { grown(&index, random.Int()) }, func() int { return index.size() }}
	programs["children-leak"] = program{nil, func(i int) {
		topics.children = append(topics.children, &topic{parent: topics, name: key(i)})
	}, func() int { return len(topics.children) }}
	programs["list-leak"] = program{nil, func(i int) { visits.PushFront(newSession(i)) }, func() int { return visits.Len() }}
	programs["channel-leak"] = program{
		func() { backlog = make(chan *session, 1<<16) },
		func(i int) { backlog <- newSession(i) },
		func() int { return len(backlog) },
	}
	programs["channel-numbers-leak"] = program{
		func() { ticks = make(chan int, 1<<16) },
		func(i int) { ticks <- i },
		func() int { return len(ticks) },
	}

	programs["slice-fixed"] = program{nil, func(i int) {
		if len(history) >= 300 {
			history = history[1:]
		}
		history = append(history, event{i, key(i)})
	}, func() int { return len(history) }}
	programs["linked-stack-fixed"] = program{nil, func(i int) {
		pushed(i)
		if i%3 != 0 {
			stack = stack.next
			if stack != nil && i%3 == 2 {
				stack = stack.next
			}
		}
	}, func() int { return length(stack) }}
	programs["linked-queue-fixed"] = program{nil, func(i int) {
		appended(i)
		if i >= 300 {
			line.first = line.first.next
		}
	}, func() int { return length(line.first) }}
	programs["list-fixed"] = program{nil, func(i int) {
		visits.PushFront(newSession(i))
		if visits.Len() > 300 {
			visits.Remove(visits.Back())
		}
	}, func() int { return visits.Len() }}
	programs["channel-fixed"] = program{
		func() {
			backlog = make(chan *session, 1<<10)
			go func() {
				for s := range backlog {
					s.payload[0]++
				}
			}()
		},
		func(i int) { backlog <- newSession(i) },
		func() int { return len(backlog) },
	}

	programs["ring-buffer"] = program{nil, func(i int) { ring[i%len(ring)] = newSession(i) }, func() int { return len(ring) }}
	programs["batches"] = program{nil, func(i int) {
		history = append(history, event{i, key(i)})
		if len(history) == 350 {
			history = history[:0]
		}
	}, func() int { return len(history) }}
	programs["presized-slice"] = program{
		func() { record = &recorder{events: make([]*event, 0, 1<<16)} },
		func(i int) { record.events = append(record.events, &event{i, key(i)}) },
		func() int { return len(record.events) },
	}
	programs["queue-with-backlog"] = program{
		func() { backlog = make(chan *session, 1<<12) },
		func(i int) { // a backlog of some 500 that moves
			backlog <- newSession(i)
			if len(backlog) > 500 {
				<-backlog
			}
		},
		func() int { return len(backlog) },
	}
	programs["free-list"] = program{nil, func(i int) { // takes from the front, and puts back
		if i < 200 {
			pushed(i)
			return
		}
		taken := stack
		stack = stack.next
		taken.next = stack
		stack = taken
	}, func() int { return length(stack) }}
}
