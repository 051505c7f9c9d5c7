package main

// What nothing names: no type leads there, and its contents alone say what it may be.

// --- a map from which almost all was deleted

type emptiedValue struct{ n [3]int }
type rivalKey struct {
	p *int
	n int
}
type rivalValue struct{ n [3]int }

// Keys that were deleted may have a length, but no pointer: so has a rivalKey.
func emptied() {
	hold(map[rivalKey]*rivalValue{})
	for i := 0; i < 5; i++ {
		m := map[string]*emptiedValue{}
		for k := 0; k < 50; k++ {
			m[text(k)] = nil
		}
		for k := 1; k < 50; k++ {
			delete(m, text(k))
		}
		hold(hideMap(m))
	}
	want(1, "map[main.rivalKey]*main.rivalValue")
}

// --- a map of maps that something else holds under another name

type definedKey struct{ a, b int }
type definedMap map[string]*inDefined
type inDefined struct{ n [6]int }

// A pointer to the first number of a map, which nobody has, is no less likely than a definedMap.
func defined() {
	hold(map[definedKey]*float64{})
	for i := 0; i < 5; i++ {
		m := map[string]*inDefined{"x": {}}
		hold(m)
		hold(hideDefined(map[definedKey]definedMap{{}: m}))
	}
	want(5, "map[string]*main.inDefined")
	want(5, "main.inDefined")
	want(1, "map[main.definedKey]*float64")
}

// --- [3]T and a slice of three: they have the same pointers

type twin struct {
	p *inTwin
	n [4]int
	q *inTwin
}
type inTwin struct {
	n [5]int
	p *inTwin
}

func twins() {
	for i := 0; i < 7; i++ {
		list, array := make([]twin, 3), new([3]twin)
		for k := range list {
			list[k], array[k] = twin{p: &inTwin{}}, twin{p: &inTwin{}}
		}
		hold(hide(&list[0]))
		hold(hide(&array[0]))
	}
	want(42, "main.inTwin")
	want(0, "[]main.twin")
	want(0, "[3]main.twin")
}
