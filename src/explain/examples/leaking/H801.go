package leaking

//explain:begin

var rows = load()       // until the end
var index = build(rows) // all that is needed

func Find(word string) (int, bool) {
	at, ok := index[word]
	return at, ok
}

//explain:end

type row struct {
	word string
	rest [200]byte
}

func load() []row {
	list := make([]row, 20000)
	for i := range list {
		list[i].word = name(i)
	}
	return list
}

func build(list []row) map[string]int {
	found := map[string]int{}
	for i := range list {
		found[list[i].word] = i
	}
	return found
}

func init() {
	Rules["H801"] = func() { Find("name-000001") }
}
