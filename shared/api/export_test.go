package api

import (
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// The limits of this package.
const (
	DefaultPageSize = defaultPageSize
	MaxPageSize     = maxPageSize
	MaxBody         = maxBody
	MaxBatchBody    = maxBatchBody
	MaxTags         = maxTags
	MaxDepth        = maxDepth
)

// ServerFields returns the fields that are accepted in a token although they are not
// among its settings here.
func ServerFields() []string {
	all := append([]string{settingField}, serverFields...)
	for _, f := range familyFields {
		all = append(all, f.name)
	}
	return all
}

// ComputedFields returns the fields of nested objects that the API computes.
func ComputedFields() []string { return computedFields }

// A Problem is what an error is answered with.
type Problem struct {
	Status  int
	Code    wire.Code
	Message string // "" where it depends on what is wrong
}

// Problems are the table's, and what explain makes of each kind of error that
// is not in it.
func Problems() []Problem {
	var all []Problem
	for _, p := range problems {
		all = append(all, Problem{p.status, p.code, p.message})
	}
	for _, err := range []error{
		&token.InvalidError{}, &token.PolicyError{}, &inputError{code: wire.ErrInvalidJSON}, &inputError{code: wire.ErrUnknownField}, &sizeError{}, &methodError{},
	} {
		p := problemOf(err)
		all = append(all, Problem{p.status, p.code, ""})
	}
	for _, err := range []error{&token.CreateRateError{}, &token.ChangeRateError{}, nil} {
		p := problemOf(err)
		all = append(all, Problem{p.status, p.code, p.message})
	}
	return all
}

// FamilyTable returns the rows of familyFields as docs/family.md shows them.
func FamilyTable() []string {
	var rows []string
	for _, f := range familyFields {
		use := "ignored"
		if f.instead != "" {
			instead, _, _ := strings.Cut(f.instead, ", such as")
			use = "refused unless it is off: " + instead
		}
		rows = append(rows, f.name+": "+f.clients+": "+use)
	}
	return rows
}

// EntityTags is entityTags.
func EntityTags(list string) []string { return entityTags(list) }

// ParseObject is parseObject without its result.
func ParseObject(body []byte) { _, _, _ = parseObject(body) }
