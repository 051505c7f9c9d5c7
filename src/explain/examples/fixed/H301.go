package fixed

import "os"

//explain:begin

func Header(file string) []byte {
	data, err := os.ReadFile(file)
	if err != nil || len(data) < 100 {
		return nil
	}
	header := make([]byte, 100)
	copy(header, data) // or bytes.Clone
	return header
}

//explain:end

var headers [][]byte

func init() {
	Rules["H301"] = func() {
		file, err := os.CreateTemp("", "heldby-example-")
		if err != nil {
			panic(err)
		}
		defer os.Remove(file.Name())
		defer file.Close()
		file.Truncate(10 << 20)
		each(3, func(i int) { headers = append(headers, Header(file.Name())) })
	}
}
