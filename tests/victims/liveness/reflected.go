package main

import "reflect"

// Calls through reflect: what the stubs keep is described by the value that is called.

type many func(l, d *thing, n uintptr, p pair) *thing

// Hold is found by reflect.
func (h *holder) Hold(l, d *thing, n uintptr, p pair) *thing {
	use(d)
	park()
	use(l)
	return h.t
}

func inReflection() {
	start(func() {
		reflect.ValueOf(arguments).Call([]reflect.Value{reflect.ValueOf(held("argument of a reflected call")),
			reflect.ValueOf(either("argument of a reflected call, dead"))})
	})
	start(func() {
		reflect.ValueOf(stackArguments).Call([]reflect.Value{
			reflect.ValueOf(pair{held("argument on the stack of a reflected call"), held("second argument on the stack of a reflected call")}),
			reflect.ValueOf(pair{either("argument on the stack of a reflected call, dead"), either("second argument on the stack of a reflected call, dead")}),
		})
	})
	start(func() {
		l := held("captured by a made function")
		f := reflect.MakeFunc(reflect.TypeOf(many(nil)), func(all []reflect.Value) []reflect.Value {
			t := all[0].Interface().(*thing)
			park()
			use(t)
			use(l)
			return []reflect.Value{reflect.ValueOf(t)}
		}).Interface().(many)
		f(held("argument of a made function"), either("argument of a made function, unused"),
			number(dead("number as argument of a made function")),
			pair{either("argument on the stack of a made function"), either("second argument on the stack of a made function")})
	})
	start(func() {
		h := &holder{t: held("receiver of a reflected method")}
		f := reflect.ValueOf(h).MethodByName("Hold").Interface().(func(l, d *thing, n uintptr, p pair) *thing)
		f(held("argument of a reflected method"), either("argument of a reflected method, dead"),
			number(dead("number as argument of a reflected method")),
			pair{either("argument on the stack of a reflected method"), either("second argument on the stack of a reflected method")})
	})
	start(func() {
		h := &holder{t: held("receiver of a method that reflect calls")}
		reflect.ValueOf(h).MethodByName("Hold").Call([]reflect.Value{
			reflect.ValueOf(held("argument of a method that reflect calls")),
			reflect.ValueOf(either("argument of a method that reflect calls, dead")),
			reflect.ValueOf(number(gone("number as argument of a method that reflect calls"))),
			reflect.ValueOf(pair{}),
		})
	})
}
