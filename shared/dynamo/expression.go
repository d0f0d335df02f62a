package dynamo

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// An expression collects what one write sets, adds, removes and requires.
// Every attribute goes by a placeholder, for many names are reserved words.
type expression struct {
	names                           map[string]string
	values                          item
	sets, adds, removes, conditions []string
}

func newExpression() *expression {
	return &expression{names: map[string]string{}, values: item{}}
}

// An attribute is the placeholder of a name, or of a path into maps, with the
// conditions on it.
type attribute struct {
	e    *expression
	hash string
}

func (e *expression) name(path ...string) attribute {
	places := make([]string, len(path))
	for i, attr := range path {
		places[i] = "#" + attr
		e.names[places[i]] = attr
	}
	return attribute{e, strings.Join(places, ".")}
}

func (e *expression) value(v types.AttributeValue) string {
	name := ":" + strconv.Itoa(len(e.values))
	e.values[name] = v
	return name
}

func (a attribute) exists() string { return "attribute_exists(" + a.hash + ")" }
func (a attribute) absent() string { return "attribute_not_exists(" + a.hash + ")" }
func (a attribute) present(there bool) string {
	if there {
		return a.exists()
	}
	return a.absent()
}
func (a attribute) above(n int64) string   { return a.compare(">", n) }
func (a attribute) atLeast(n int64) string { return a.compare(">=", n) }
func (a attribute) atMost(n int64) string  { return a.compare("<=", n) }
func (a attribute) is(n int64) string      { return a.compare("=", n) }
func (a attribute) compare(sign string, n int64) string {
	return a.hash + " " + sign + " " + a.e.value(number(n))
}

// holds: the list has one of the texts in it.
func (a attribute) holds(texts ...string) string {
	each := make([]string, len(texts))
	for i, s := range texts {
		each[i] = "contains(" + a.hash + ", " + a.e.value(text(s)) + ")"
	}
	return strings.Join(each, " OR ")
}

// size of a map: how many keys it has.
func (a attribute) size() attribute { return attribute{a.e, "size(" + a.hash + ")"} }

// orElse is the attribute's value, or another if it is absent.
func (a attribute) orElse(operand string) string {
	return "if_not_exists(" + a.hash + ", " + operand + ")"
}

func (e *expression) require(condition string) {
	e.conditions = append(e.conditions, "("+condition+")")
}

// set sets an attribute, or removes it for nil.
func (e *expression) set(attr string, v types.AttributeValue) {
	name := e.name(attr).hash
	if v == nil {
		e.removes = append(e.removes, name)
		return
	}
	e.sets = append(e.sets, name+" = "+e.value(v))
}

// assign sets what a path leads to, to the value of an operand, or of two with
// a sign between: DynamoDB's grammar has no third.
func (e *expression) assign(to attribute, value string) {
	e.sets = append(e.sets, to.hash+" = "+value)
}

// clear removes what a path leads to.
func (e *expression) clear(path attribute) { e.removes = append(e.removes, path.hash) }

// add adds to a number, which counts from 0.
func (e *expression) add(attr string, n int64) {
	e.adds = append(e.adds, e.name(attr).hash+" "+e.value(number(n)))
}

func (e *expression) update() *string {
	var clauses []string
	for _, c := range []struct {
		verb  string
		parts []string
	}{{"SET ", e.sets}, {"ADD ", e.adds}, {"REMOVE ", e.removes}} {
		if len(c.parts) > 0 {
			clauses = append(clauses, c.verb+strings.Join(c.parts, ", "))
		}
	}
	all := strings.Join(clauses, " ")
	return &all
}

func (e *expression) condition() *string {
	if len(e.conditions) == 0 {
		return nil
	}
	all := strings.Join(e.conditions, " AND ")
	return &all
}
