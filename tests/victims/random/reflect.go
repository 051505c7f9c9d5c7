package random

import (
	"fmt"
	"reflect"
)

// Kind is a type with the function that fills its values.
type Kind struct {
	what reflect.Type
	fill func(r *Rand, place reflect.Value)
}

// Of makes the Kind of what fill fills.
func Of[T any](fill func(r *Rand, v *T)) Kind {
	return Kind{reflect.TypeOf((*T)(nil)).Elem(), func(r *Rand, place reflect.Value) { fill(r, place.Addr().Interface().(*T)) }}
}

// Made makes a value of a type that only package reflect makes: its descriptor is an object in the heap.
func Made(r *Rand, kinds ...Kind) any {
	if !r.Enter() {
		return nil
	}
	defer r.Leave()
	kind := kinds[r.N(len(kinds))]
	switch r.N(5) {
	case 0:
		n := r.N(20)
		v := reflect.MakeSlice(reflect.SliceOf(kind.what), n, n+r.N(4))
		if n > 0 {
			kind.fill(r, v.Index(r.N(n)))
		}
		return v.Interface()
	case 1:
		n := 1 + r.N(300)/(1+int(kind.what.Size())/64)
		v := reflect.New(reflect.ArrayOf(n, kind.what))
		kind.fill(r, v.Elem().Index(r.N(n)))
		return v.Interface()
	case 2:
		return madeMap(r, kind)
	case 3:
		v := reflect.MakeFunc(reflect.FuncOf([]reflect.Type{kind.what}, nil, false), func([]reflect.Value) []reflect.Value {
			Use(kind.what)
			return nil
		})
		return v.Interface()
	default:
		return madeStruct(r, kinds)
	}
}

func madeMap(r *Rand, kind Kind) any {
	v := reflect.MakeMap(reflect.MapOf(reflect.TypeOf(""), kind.what))
	for i := r.N(30); i > 0; i-- {
		e := reflect.New(kind.what)
		r.Quietly() // the next may have the same key
		kind.fill(r, e.Elem())
		r.Loudly()
		v.SetMapIndex(reflect.ValueOf(r.Text()), e.Elem())
	}
	return v.Interface()
}

func madeStruct(r *Rand, kinds []Kind) any {
	var fields []reflect.StructField
	for i, kind := range kinds {
		if r.Chance(3) {
			pad := reflect.ArrayOf(r.N(100), reflect.TypeOf(uint64(0)))
			fields = append(fields, reflect.StructField{Name: fmt.Sprint("Pad", i), Type: pad})
		}
		fields = append(fields, reflect.StructField{Name: fmt.Sprint("Field", i), Type: kind.what})
	}
	v := reflect.New(reflect.StructOf(fields))
	for i, kind := range kinds {
		kind.fill(r, v.Elem().FieldByName(fmt.Sprint("Field", i)))
	}
	if r.Chance(2) {
		return v.Elem().Interface()
	}
	return v.Interface()
}

// Reflected calls a method, with a Rand and other arguments.
func Reflected(r *Rand, receiver any, name string, arguments ...any) {
	method := reflect.ValueOf(receiver).MethodByName(name)
	in := []reflect.Value{reflect.ValueOf(r)}
	for i, argument := range arguments {
		v := reflect.Zero(method.Type().In(i + 1))
		if argument != nil {
			v = reflect.ValueOf(argument)
		}
		in = append(in, v)
	}
	method.Call(in)
}
