package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
)

// The C names of the kinds of specials, in the order of struct hb_go_special_kinds, and their Go constants.
var specialKinds = []struct{ name, constant string }{
	{"finalizer", "_KindSpecialFinalizer"},
	{"weak_handle", "_KindSpecialWeakHandle"},
	{"profile", "_KindSpecialProfile"},
	{"reachable", "_KindSpecialReachable"},
	{"pinner", "_KindSpecialPinCounter"},
	{"cleanup", "_KindSpecialCleanup"},
	{"check_finalizer", "_KindSpecialCheckFinalizer"},
	{"tinyblock", "_KindSpecialTinyBlock"},
	{"bubble", "_KindSpecialBubble"},
}

// readSource takes the kinds of specials and the wait reasons from the toolchain's runtime package.
func (t *table) readSource(root string) error {
	dir := filepath.Join(root, "src", "runtime")
	mheap, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "mheap.go"), nil, 0)
	if err != nil {
		return err
	}
	constants := integerConstants(mheap)
	for _, kind := range specialKinds {
		value, ok := constants[kind.constant]
		t.kinds = append(t.kinds, optional(value, ok))
	}
	if t.kinds[0] == nil || t.kinds[2] == nil {
		return fmt.Errorf("mheap.go: no _KindSpecialFinalizer or _KindSpecialProfile")
	}
	runtime2, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "runtime2.go"), nil, 0)
	if err != nil {
		return err
	}
	t.waitReasons, err = waitReasons(runtime2)
	return err
}

func optional(value int64, ok bool) *int64 {
	if !ok {
		return nil
	}
	return &value
}

// integerConstants evaluates the constants of a file that are literals or iota (alone, or repeated implicitly).
func integerConstants(file *ast.File) map[string]int64 {
	constants := map[string]int64{}
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		var expr ast.Expr
		for iota, spec := range group.Specs {
			values := spec.(*ast.ValueSpec)
			if len(values.Values) > 0 {
				expr = values.Values[0]
			}
			if value, ok := evaluate(expr, int64(iota)); ok && len(values.Names) == 1 {
				constants[values.Names[0].Name] = value
			}
		}
	}
	return constants
}

func evaluate(expr ast.Expr, iota int64) (int64, bool) {
	switch expr := expr.(type) {
	case *ast.BasicLit:
		value, err := strconv.ParseInt(expr.Value, 0, 64)
		return value, err == nil
	case *ast.Ident:
		return iota, expr.Name == "iota"
	}
	return 0, false
}

// waitReasons reads waitReasonStrings, an array keyed by the constants of type waitReason.
func waitReasons(file *ast.File) ([]string, error) {
	constants := integerConstants(file)
	var reasons []string
	var err error
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != "waitReasonStrings" {
			return true
		}
		array, ok := spec.Values[0].(*ast.CompositeLit)
		if !ok {
			err = fmt.Errorf("runtime2.go: waitReasonStrings is not a composite literal")
			return false
		}
		reasons = make([]string, len(array.Elts))
		seen := make([]bool, len(array.Elts))
		for _, element := range array.Elts {
			number, text, e := waitReason(element, constants)
			if e == nil && (number < 0 || number >= int64(len(reasons)) || seen[number]) {
				e = fmt.Errorf("runtime2.go: wait reason %q has the odd number %d", text, number)
			}
			if e != nil {
				err = e
				return false
			}
			reasons[number], seen[number] = text, true
		}
		return false
	})
	if err == nil && len(reasons) == 0 {
		err = fmt.Errorf("runtime2.go: no waitReasonStrings")
	}
	return reasons, err
}

func waitReason(element ast.Expr, constants map[string]int64) (int64, string, error) {
	pair, ok := element.(*ast.KeyValueExpr)
	if !ok {
		return 0, "", fmt.Errorf("runtime2.go: waitReasonStrings has an element without a key")
	}
	key, ok := pair.Key.(*ast.Ident)
	if !ok {
		return 0, "", fmt.Errorf("runtime2.go: waitReasonStrings has a key that is not a name")
	}
	number, ok := constants[key.Name]
	if !ok {
		return 0, "", fmt.Errorf("runtime2.go: no constant %s", key.Name)
	}
	literal, ok := pair.Value.(*ast.BasicLit)
	if !ok {
		return 0, "", fmt.Errorf("runtime2.go: %s is not a string literal", key.Name)
	}
	text, err := strconv.Unquote(literal.Value)
	return number, text, err
}
