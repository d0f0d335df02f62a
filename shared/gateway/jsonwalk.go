package gateway

import (
	"bytes"
	"encoding/json"
)

// A jsonCursor walks through valid JSON without copying it.
type jsonCursor struct {
	text []byte
	at   int
}

// next skips white space, commas and colons, and returns the byte that follows.
func (c *jsonCursor) next() byte {
	for c.at < len(c.text) {
		switch b := c.text[c.at]; b {
		case ' ', '\t', '\r', '\n', ',', ':':
			c.at++
		default:
			return b
		}
	}
	return 0
}

// value returns the value at the cursor, and moves behind it.
func (c *jsonCursor) value() []byte {
	c.next()
	start, depth := c.at, 0
	for c.at < len(c.text) {
		switch c.text[c.at] {
		case '"':
			c.skipString()
		case '{', '[':
			depth++
			c.at++
		case '}', ']':
			depth--
			c.at++
		case ' ', '\t', '\r', '\n', ',', ':':
			c.at++
			continue
		default:
			c.skipLiteral()
		}
		if depth <= 0 {
			return c.text[start:c.at]
		}
	}
	return c.text[start:c.at]
}

func (c *jsonCursor) skipString() {
	for c.at++; c.at < len(c.text); c.at++ {
		i := bytes.IndexAny(c.text[c.at:], `"\`)
		if i < 0 {
			c.at = len(c.text)
			return
		}
		c.at += i
		if c.text[c.at] == '"' {
			c.at++
			return
		}
		c.at++ // the escaped character
	}
}

func (c *jsonCursor) skipLiteral() {
	for c.at < len(c.text) && bytes.IndexByte([]byte(" \t\r\n,:]}"), c.text[c.at]) < 0 {
		c.at++
	}
}

// A jsonMember is a member of an object. Its value is a part of the text that
// begins at offset.
type jsonMember struct {
	name   string
	value  []byte
	offset int
}

// eachMember calls f for each member of a valid object.
func eachMember(object []byte, f func(jsonMember) error) error {
	c := jsonCursor{text: object}
	if c.next() != '{' {
		return nil
	}
	c.at++
	for c.next() == '"' {
		name := unquote(c.value())
		c.next()
		offset := c.at
		if err := f(jsonMember{name, c.value(), offset}); err != nil {
			return err
		}
	}
	return nil
}

// eachElement calls f for each element of a valid array.
func eachElement(array []byte, f func(value []byte) error) error {
	c := jsonCursor{text: array}
	if c.next() != '[' {
		return nil
	}
	c.at++
	for b := c.next(); b != ']' && b != 0; b = c.next() {
		if err := f(c.value()); err != nil {
			return err
		}
	}
	return nil
}

// unquote returns the text of a JSON string, or "" for another value.
func unquote(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
