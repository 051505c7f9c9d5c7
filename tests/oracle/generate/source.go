package main

import (
	"fmt"
	"regexp"
	"strings"
)

// source is the text of a part of a program. Lines are indented by their brackets.
type source struct {
	strings.Builder
	indent int
}

func (s *source) line(format string, args ...any) {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	at := s.indent
	if strings.HasPrefix(text, "}") || strings.HasPrefix(text, ")") {
		s.indent--
		at = s.indent
	} else if strings.HasPrefix(text, "case ") || strings.HasPrefix(text, "default:") {
		at--
	}
	if text != "" {
		s.WriteString(strings.Repeat("\t", at))
	}
	s.WriteString(text)
	s.WriteByte('\n')
	if strings.HasSuffix(text, "{") || strings.HasSuffix(text, "(") {
		s.indent++
	}
}

type file struct{ name, text string }

var packages = []string{"bytes", "container/list", "container/ring", "context", "iter", "math/big", "net/url", "reflect", "regexp", "runtime",
	"sort", "strings", "sync", "sync/atomic", "text/template", "time", "unsafe", "heldby/victims/random"}

// complete puts a package clause and the imports that a text needs in front of it.
func complete(constraint, name, text string) string {
	var s source
	if constraint != "" {
		s.line("//go:build %s", constraint)
		s.line("")
	}
	s.line("package %s", name)
	s.line("")
	s.line("import (")
	for _, path := range packages {
		base := path[strings.LastIndexByte(path, '/')+1:]
		if regexp.MustCompile(`\b` + base + `\.[A-Z]`).MatchString(text) {
			s.line("%q", path)
		}
	}
	s.line(")")
	s.line("")
	return s.String() + text
}
