package queries_test

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/infra/queries"
)

// A row is a log line or a row of a result. Numbers are float64, and what it lacks is
// nil.
type row map[string]any

// run runs a query over log lines. It knows the part of the language that the
// queries use, and refuses the rest, and fields that no line has. No emulator of AWS
// runs stats.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
func run(query string, rows []row) ([]row, error) {
	for command := range strings.SplitSeq(query, queries.Separator) {
		name, rest, _ := strings.Cut(command, " ")
		var err error
		switch name {
		case "filter":
			rows, err = filter(rest, rows)
		case "stats":
			rows, err = stats(rest, rows)
		case "sort":
			field, ok := strings.CutSuffix(rest, " desc")
			if !ok || !known(field, rows) {
				return nil, fmt.Errorf("%s: want a field of the result and desc", command)
			}
			slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(number(b[field]), number(a[field])) })
		case "limit":
			var n int
			n, err = strconv.Atoi(rest)
			rows = rows[:min(n, len(rows))]
		default:
			err = errors.New("unknown command")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", command, err)
		}
	}
	return rows, nil
}

func filter(condition string, rows []row) (kept []row, err error) {
	e, err := parse(condition)
	if err != nil {
		return nil, err
	}
	if err := allKnown(e, rows); err != nil {
		return nil, err
	}
	for _, r := range rows {
		if value, err := eval(e, []row{r}, r); err != nil {
			return nil, err
		} else if value == true {
			kept = append(kept, r)
		}
	}
	return kept, nil
}

// stats groups rows and computes the columns of each group.
func stats(text string, rows []row) (result []row, err error) {
	columns, by, _ := strings.Cut(text, " by ")
	fields := strings.Split(by, ", ")
	groups := map[string][]row{}
	for _, r := range rows {
		var values []any
		for _, f := range fields {
			if !known(f, rows) {
				return nil, fmt.Errorf("no line has the field %s", f)
			}
			values = append(values, r[f])
		}
		groups[fmt.Sprint(values...)] = append(groups[fmt.Sprint(values...)], r)
	}
	for _, group := range groups {
		made := row{}
		for _, f := range fields {
			made[f] = group[0][f]
		}
		for _, column := range regexp.MustCompile(`(.+?) as (\w+)(?:, |$)`).FindAllStringSubmatch(columns, -1) {
			e, err := parse(column[1])
			if err != nil {
				return nil, err
			}
			if err := allKnown(e, rows); err != nil {
				return nil, err
			}
			if made[column[2]], err = eval(e, group, nil); err != nil {
				return nil, err
			}
		}
		result = append(result, made)
	}
	return result, nil
}

// parse parses an expression, whose operators are those of Go but for these.
func parse(text string) (ast.Expr, error) {
	return parser.ParseExpr(strings.NewReplacer(" = ", " == ", " and ", " && ", "count(*)", "count()").Replace(text))
}

func known(field string, rows []row) bool {
	return slices.ContainsFunc(rows, func(r row) bool { return r[field] != nil })
}

// allKnown returns an error if an expression has a field that no row has.
func allKnown(e ast.Expr, rows []row) (err error) {
	ast.Inspect(e, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			for _, arg := range call.Args {
				err = cmp.Or(err, allKnown(arg, rows))
			}
			return false
		}
		if f, ok := n.(*ast.Ident); ok && !known(f.Name, rows) {
			err = fmt.Errorf("no line has the field %s", f.Name)
		}
		return true
	})
	return err
}

// eval computes an expression for a group of rows, or for one row.
func eval(e ast.Expr, group []row, one row) (any, error) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return eval(e.X, group, one)
	case *ast.Ident:
		if one == nil {
			return nil, fmt.Errorf("%s is not aggregated", e.Name)
		}
		return one[e.Name], nil
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			return strconv.Unquote(e.Value)
		}
		return strconv.ParseFloat(e.Value, 64)
	case *ast.CallExpr:
		return call(e, group, one)
	case *ast.BinaryExpr:
		x, err := eval(e.X, group, one)
		y, err2 := eval(e.Y, group, one)
		if err := cmp.Or(err, err2); err != nil {
			return nil, err
		}
		return binary(e.Op.String(), x, y)
	}
	return nil, fmt.Errorf("unknown expression %T", e)
}

// binary computes with an operator. An absent operand makes the result absent.
func binary(op string, x, y any) (any, error) {
	if op == "&&" {
		return x == true && y == true, nil
	}
	if x == nil || y == nil {
		return nil, nil
	}
	a, b := number(x), number(y)
	switch op {
	case "==":
		return x == y, nil
	case ">":
		return a > b, nil
	case "+":
		return a + b, nil
	case "*":
		return a * b, nil
	case "/":
		return a / b, nil
	}
	return nil, fmt.Errorf("unknown operator %s", op)
}

// call computes a function of a row, or of the values that a field has in a group.
func call(e *ast.CallExpr, group []row, one row) (any, error) {
	name := fmt.Sprint(e.Fun)
	if name == "count" && len(e.Args) == 0 {
		return float64(len(group)), nil
	}
	if len(e.Args) == 0 {
		return nil, fmt.Errorf("%s has no argument", name)
	}
	var values []any
	for _, r := range group {
		if value := r[fmt.Sprint(e.Args[0])]; value != nil {
			values = append(values, value)
		}
	}
	switch {
	case name == "ispresent" && one != nil:
		return len(values) == 1, nil
	case one != nil || len(values) == 0:
		return nil, nil
	case name == "sum":
		sum := 0.0
		for _, value := range values {
			sum += number(value)
		}
		return sum, nil
	case name == "count_distinct":
		distinct := map[any]bool{}
		for _, value := range values {
			distinct[value] = true
		}
		return float64(len(distinct)), nil
	case name == "pct" && len(e.Args) == 2:
		slices.SortFunc(values, func(a, b any) int { return cmp.Compare(number(a), number(b)) })
		percent, err := eval(e.Args[1], nil, nil)
		return values[int(math.Ceil(number(percent)/100*float64(len(values))))-1], err
	}
	return nil, fmt.Errorf("unknown function %s", name)
}

func number(value any) float64 {
	n, _ := value.(float64)
	return n
}
