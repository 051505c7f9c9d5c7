package main

import "reflect"

// Types that only reflect made: their descriptors are in the heap.
var made struct {
	structs any
	slice   any
	array   any
	table   any
	channel any
	fn      any
}

func holdTyped() {
	pointer := reflect.TypeOf((*node)(nil))
	s := reflect.StructOf([]reflect.StructField{
		{Name: "Pad", Type: reflect.TypeOf([9]uint64{})},
		{Name: "Node", Type: pointer},
		{Name: "Text", Type: reflect.TypeOf("")},
		{Name: "Any", Type: reflect.TypeOf((*any)(nil)).Elem()}, // reflect takes both words for pointers
		{Name: "Named", Type: reflect.TypeOf(embedded{})},       // in here, too
	})
	v := reflect.New(s)
	v.Elem().Field(1).Set(reflect.ValueOf(single(1)))
	made.structs = v.Interface()
	list := reflect.MakeSlice(reflect.SliceOf(s), 30, 40)
	list.Index(29).Field(1).Set(reflect.ValueOf(single(2)))
	made.slice = list.Interface()
	array := reflect.New(reflect.ArrayOf(123, pointer))
	array.Elem().Index(122).Set(reflect.ValueOf(single(3)))
	made.array = array.Interface()
	table := reflect.MakeMap(reflect.MapOf(reflect.TypeOf(int16(0)), s))
	for i := 0; i < 200; i++ {
		table.SetMapIndex(reflect.ValueOf(int16(i)), list.Index(29))
	}
	made.table = table.Interface()
	channel := reflect.MakeChan(reflect.ChanOf(reflect.BothDir, s), 4)
	channel.Send(list.Index(29))
	made.channel = channel.Interface()
	made.fn = reflect.MakeFunc(reflect.TypeOf(func(*node) int { return 0 }), func([]reflect.Value) []reflect.Value {
		return []reflect.Value{reflect.ValueOf(0)}
	}).Interface()
}
