// Package litellm reads LiteLLM's price map, the file
// model_prices_and_context_window.json, and returns its prices as those of a
// Latchkey price table. A model is left out if its entry has a price that Latchkey
// can't charge, so that no model is imported too cheap.
package litellm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/latchkey-api/latchkey/shared/price"
)

// A Result is what a price map contains.
type Result struct {
	Models  map[string]price.Model
	LeftOut []Omission // in the order of the file
	Rounded []string   // models with a price finer than a nano-dollar, which was rounded up
	Extras  []string   // models with prices that only some requests cost: dearer service tiers and tools; they are not imported
}

// An Omission is a model that was left out.
type Omission struct {
	Model  string
	Reason string
}

// maxNameLength is the longest name of a model in a price table, in bytes.
const maxNameLength = 256

// Read reads a price map. wanted reports whether a model is to be read. The
// error says why the file is not a price map.
func Read(file []byte, wanted func(model string) bool) (Result, error) {
	r := Result{Models: map[string]price.Model{}}
	err := eachMember(file, func(model string, value json.RawMessage) error {
		if model == "sample_spec" || !wanted(model) { // LiteLLM's explanation of the members
			return nil
		}
		if m, err := r.readModel(model, value); err == nil {
			r.Models[model] = m
		} else {
			r.LeftOut = append(r.LeftOut, Omission{model, err.Error()})
		}
		return nil
	})
	return r, err
}

func (r *Result) readModel(model string, value json.RawMessage) (price.Model, error) {
	if model == "" || len(model) > maxNameLength || strings.Contains(model, "*") {
		return price.Model{}, errors.New("its name can't be that of a model in a price table")
	}
	e := entry{prices: map[string]decimal{}}
	if err := eachMember(value, e.read); err != nil {
		return price.Model{}, err
	}
	m, err := e.model()
	if err != nil {
		return m, err
	}
	if e.rounded {
		r.Rounded = append(r.Rounded, model)
	}
	if e.extras {
		r.Extras = append(r.Extras, model)
	}
	return m, nil
}

// eachMember calls f for each member of a JSON object, in order. A name that
// appears twice is an error.
func eachMember(object []byte, f func(name string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return errors.New("it is not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fmt.Errorf("it is not valid JSON: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("it is not valid JSON: %w", err)
		}
		text, _ := name.(string) // names of members are strings
		if seen[text] {
			return fmt.Errorf("%q appears twice", text)
		}
		seen[text] = true
		if err := f(text, value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("it is not valid JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows its JSON object")
	}
	return nil
}
