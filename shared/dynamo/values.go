package dynamo

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Attribute values as the store writes them. An optional value is nil if it is
// false, empty or zero: such an attribute is left out, which keeps items small
// and lets a condition test for its existence.

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// optionalBinary is nil for no bytes.
func optionalBinary(b []byte) types.AttributeValue {
	if len(b) == 0 {
		return nil
	}
	return binary(b)
}

func binary(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

func mapOf(m item) types.AttributeValue { return &types.AttributeValueMemberM{Value: m} }

func optionalFlag(b bool) types.AttributeValue {
	if !b {
		return nil
	}
	return &types.AttributeValueMemberBOOL{Value: true}
}

func optionalText(s string) types.AttributeValue {
	if s == "" {
		return nil
	}
	return text(s)
}

func optionalNumber(n int64) types.AttributeValue {
	if n == 0 {
		return nil
	}
	return number(n)
}

func optionalList(all []string) types.AttributeValue {
	values := make([]types.AttributeValue, len(all))
	for i, s := range all {
		values[i] = text(s)
	}
	return optionalValues(values)
}

func optionalValues(all []types.AttributeValue) types.AttributeValue {
	if len(all) == 0 {
		return nil
	}
	return &types.AttributeValueMemberL{Value: all}
}

func optionalMap(m item) types.AttributeValue {
	if len(m) == 0 {
		return nil
	}
	return mapOf(m)
}

// setPresent adds those of the values to an item that are not nil.
func setPresent(it, values item) {
	for name, value := range values {
		if value != nil {
			it[name] = value
		}
	}
}

// A reader reads the attributes of an item and keeps the first error. An
// attribute that was left out reads as zero.
type reader struct {
	item item
	err  error
}

func (r *reader) has(name string) bool {
	_, ok := r.item[name]
	return ok
}

func (r *reader) number(name string) int64 {
	v, ok := r.item[name].(*types.AttributeValueMemberN)
	if !ok {
		r.mismatch(name)
		return 0
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	if err != nil {
		r.mismatch(name)
	}
	return n
}

func (r *reader) text(name string) string {
	v, ok := r.item[name].(*types.AttributeValueMemberS)
	if !ok {
		r.mismatch(name)
		return ""
	}
	return v.Value
}

func (r *reader) flag(name string) bool {
	v, ok := r.item[name].(*types.AttributeValueMemberBOOL)
	if !ok {
		r.mismatch(name)
		return false
	}
	return v.Value
}

func (r *reader) hash(name string) (h [32]byte) {
	v, ok := r.item[name].(*types.AttributeValueMemberB)
	if !ok || len(v.Value) != len(h) {
		r.mismatch(name)
		return h
	}
	return [32]byte(v.Value)
}

func (r *reader) list(name string) []string {
	var all []string
	for _, e := range r.elements(name) {
		s, ok := e.(*types.AttributeValueMemberS)
		if !ok {
			r.mismatch(name)
			return nil
		}
		all = append(all, s.Value)
	}
	return all
}

func (r *reader) numbers(name string) []int64 {
	var all []int64
	for _, e := range r.elements(name) {
		one := reader{item: item{name: e}}
		all = append(all, one.number(name))
		r.merge(&one)
	}
	return all
}

// maps returns a reader for each map of a list. Pass each to merge.
func (r *reader) maps(name string) []*reader {
	var all []*reader
	for _, e := range r.elements(name) {
		one := reader{item: item{name: e}}
		all = append(all, one.nested(name))
		r.merge(&one)
	}
	return all
}

func (r *reader) elements(name string) []types.AttributeValue {
	v, ok := r.item[name].(*types.AttributeValueMemberL)
	if !ok {
		r.mismatch(name)
		return nil
	}
	return v.Value
}

// nested returns a reader of a map attribute. Pass it to merge when it has
// read all that it should.
func (r *reader) nested(name string) *reader {
	v, ok := r.item[name].(*types.AttributeValueMemberM)
	if !ok {
		r.mismatch(name)
		return new(reader)
	}
	return &reader{item: v.Value}
}

// merge keeps the error of a nested reader.
func (r *reader) merge(nested *reader) {
	if r.err == nil {
		r.err = nested.err
	}
}

// mismatch records that an attribute has an unexpected type, unless it was
// left out.
func (r *reader) mismatch(name string) {
	if r.err == nil && r.has(name) {
		r.err = fmt.Errorf("attribute %s has an unexpected type", name)
	}
}
