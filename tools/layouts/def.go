package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A versionRange is the Go minors that have a struct or field; 0 is open. Some experiments have it in spite of their
// version, some lack it.
type versionRange struct {
	first, last   int
	with, without []string
}

func (r versionRange) has(minor int, experiments []string) bool {
	for _, experiment := range experiments {
		if slices.Contains(r.with, experiment) {
			return true
		}
		if slices.Contains(r.without, experiment) {
			return false
		}
	}
	return (r.first == 0 || minor >= r.first) && (r.last == 0 || minor <= r.last)
}

// A fieldDef is one FIELD line.
type fieldDef struct {
	name  string   // the C member
	paths []string // Go names to try, nested ones with dots
	in    versionRange
	moves bool // patch releases have it elsewhere: whoever reads it makes sure that it is what it is to be
}

// A structDef is one STRUCT … END block.
type structDef struct {
	name   string
	types  []string // Go names to try
	in     versionRange
	sized  bool // patch releases agree on the size …
	grows  bool // … or later ones have more at the end
	fields []fieldDef
}

var defLine = regexp.MustCompile(`^(STRUCT|FIELD|END)\((\w+)(?:, "([^"]+)")?\)(?:\s*/\*\s*(.*?)\s*\*/)?$`)
var defVersions = regexp.MustCompile(`^(?:1\.(\d+))?\s*-\s*(?:1\.(\d+))?$`)

// readDef parses layout_fields.def. A comment with a version range after an entry says which versions have it:
// "1.26-", "-1.23", "1.24-1.25"; names of experiments behind it have it, too, or lack it ("-1.23, noswissmap",
// "1.24-, !noswissmap"). "size varies" after a struct leaves its size out, "size grows" allows earlier patch releases a
// smaller one ("1.23-, size grows"). "moves" after a field: patch releases may have it elsewhere.
func readDef(path string) ([]structDef, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list []structDef
	for i, line := range strings.Split(string(text), "\n") {
		match := defLine.FindStringSubmatch(line)
		if match == nil {
			if strings.HasPrefix(line, "STRUCT") || strings.HasPrefix(line, "FIELD") || strings.HasPrefix(line, "END") {
				return nil, fmt.Errorf("%s:%d: not understood: %s", path, i+1, line)
			}
			continue
		}
		comment, varies := cutSuffix(match[4], "size varies")
		comment, grows := cutSuffix(comment, "size grows")
		comment, moves := cutSuffix(comment, "moves")
		in, err := parseRange(comment)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		switch names := strings.Split(match[3], "|"); match[1] {
		case "STRUCT":
			list = append(list, structDef{name: match[2], types: names, in: in, sized: !varies, grows: grows})
		case "FIELD":
			if len(list) == 0 {
				return nil, fmt.Errorf("%s:%d: field outside a struct", path, i+1)
			}
			last := &list[len(list)-1]
			last.fields = append(last.fields, fieldDef{name: match[2], paths: names, in: in, moves: moves})
		}
	}
	return list, nil
}

func parseRange(comment string) (versionRange, error) {
	if comment == "" {
		return versionRange{}, nil
	}
	parts := strings.Split(comment, ", ")
	match := defVersions.FindStringSubmatch(parts[0])
	if match == nil {
		return versionRange{}, fmt.Errorf("not a version range like 1.26-, -1.23 or 1.24-1.25: %q", comment)
	}
	var in versionRange
	in.first, _ = strconv.Atoi(match[1])
	in.last, _ = strconv.Atoi(match[2])
	for _, experiment := range parts[1:] {
		if name, without := strings.CutPrefix(experiment, "!"); without {
			in.without = append(in.without, name)
		} else {
			in.with = append(in.with, name)
		}
	}
	return in, nil
}

// cutSuffix takes a remark off the end of a comment and says whether it was there.
func cutSuffix(comment, remark string) (string, bool) {
	if !strings.HasSuffix(comment, remark) {
		return comment, false
	}
	return strings.TrimSuffix(strings.TrimSuffix(comment, remark), ", "), true
}
