package dynamo

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// An expression collects what one write sets, adds, removes and requires. It
// refers to every attribute by a placeholder, because many names are reserved
// words of DynamoDB.
type expression struct {
	names                           map[string]string
	values                          item
	sets, adds, removes, conditions []string
}

func newExpression() *expression {
	return &expression{names: map[string]string{}, values: item{}}
}

// An attribute is a name, or a path into nested maps, in an expression. Its
// methods write conditions and operands.
type attribute struct {
	e           *expression
	placeholder string
}

// name registers an attribute. DynamoDB rejects an expression with a name that
// it does not use, so call name only for what the expression contains.
func (e *expression) name(path ...string) attribute {
	placeholders := make([]string, len(path))
	for i, attr := range path {
		placeholders[i] = "#" + attr
		e.names[placeholders[i]] = attr
	}
	return attribute{e, strings.Join(placeholders, ".")}
}

// value registers a value and returns its placeholder.
func (e *expression) value(v types.AttributeValue) string {
	name := ":" + strconv.Itoa(len(e.values))
	e.values[name] = v
	return name
}

func (a attribute) exists() string { return "attribute_exists(" + a.placeholder + ")" }
func (a attribute) absent() string { return "attribute_not_exists(" + a.placeholder + ")" }

// existsIf requires the attribute to exist if want, else to be absent.
func (a attribute) existsIf(want bool) string {
	if want {
		return a.exists()
	}
	return a.absent()
}

func (a attribute) above(n int64) string   { return a.compare(">", n) }
func (a attribute) atLeast(n int64) string { return a.compare(">=", n) }
func (a attribute) atMost(n int64) string  { return a.compare("<=", n) }
func (a attribute) equals(n int64) string  { return a.compare("=", n) }
func (a attribute) compare(sign string, n int64) string {
	return a.placeholder + " " + sign + " " + a.e.value(number(n))
}

// containsAny requires a list to contain one of the texts.
func (a attribute) containsAny(texts ...string) string {
	each := make([]string, len(texts))
	for i, s := range texts {
		each[i] = "contains(" + a.placeholder + ", " + a.e.value(text(s)) + ")"
	}
	return strings.Join(each, " OR ")
}

// size is the number of keys in a map.
func (a attribute) size() attribute { return attribute{a.e, "size(" + a.placeholder + ")"} }

// orElse is the attribute's value, or the operand if the attribute is absent.
func (a attribute) orElse(operand string) string {
	return "if_not_exists(" + a.placeholder + ", " + operand + ")"
}

// require adds a condition. All conditions of an expression must hold.
func (e *expression) require(condition string) {
	e.conditions = append(e.conditions, "("+condition+")")
}

// set sets an attribute, or removes it if the value is nil.
func (e *expression) set(attr string, v types.AttributeValue) {
	name := e.name(attr)
	if v == nil {
		e.remove(name)
		return
	}
	e.assign(name, e.value(v))
}

// setField sets an attribute to the value of a field, unless the field is nil.
func setField[T any](e *expression, attr string, field *T, value func(T) types.AttributeValue) {
	if field != nil {
		e.set(attr, value(*field))
	}
}

// setList sets an attribute, unless the list is nil. An empty list removes it.
func setList(e *expression, attr string, all []string) {
	if all != nil {
		e.set(attr, optionalList(all))
	}
}

// assign sets an attribute to an operand, or to two operands with a sign
// between them. DynamoDB's grammar does not allow a third.
func (e *expression) assign(to attribute, value string) {
	e.sets = append(e.sets, to.placeholder+" = "+value)
}

func (e *expression) remove(a attribute) { e.removes = append(e.removes, a.placeholder) }

// add adds to a number; an absent attribute counts as 0.
func (e *expression) add(attr string, n int64) {
	e.adds = append(e.adds, e.name(attr).placeholder+" "+e.value(number(n)))
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

// usedNames and usedValues are nil if empty: DynamoDB rejects an empty map.

func (e *expression) usedNames() map[string]string {
	if len(e.names) == 0 {
		return nil
	}
	return e.names
}

func (e *expression) usedValues() item {
	if len(e.values) == 0 {
		return nil
	}
	return e.values
}
