package gateway

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

const (
	errAmbiguousForm = bodyError("The form is malformed or ambiguous. Send multipart/form-data as defined in RFC 7578, with each field's name in double quotes.")
	errFormModel     = bodyError("The form must have the field model once, in lower case, as plain text in UTF-8.")
	maxFormParts     = 200
)

// The headers of a part, as every parser reads them in the same way. A backslash
// or an escape in a name is read as nothing by some parsers, and a field model
// that one of them does not see is refused here.
var (
	dispositionHeader = regexp.MustCompile(`^(?i:Content-Disposition): ?form-data; ?(?i:name)="([A-Za-z0-9_.\[\]-]{1,100})"` +
		`(; ?(?i:filename)="[^"\\\x00-\x1f\x7f]*")?(; ?(?i:filename)\*=(?i:utf-8)''[A-Za-z0-9%._~!$&+-]*)?$`)
	textHeader   = regexp.MustCompile(`^(?i:Content-Type: ?text/plain(; ?charset=(utf-8|us-ascii))?)$`) // some parsers take a field of another type for a file
	otherHeader  = regexp.MustCompile(`^((?i:Content-Type): ?[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(; ?(?i:charset)=(?i:utf-8|us-ascii))?|(?i:Content-Length): ?([0-9]{1,12}))$`)
	formBoundary = regexp.MustCompile(`^[A-Za-z0-9'()+_,./:=?-]{1,70}$`)
)

// parseForm reads a multipart form. Parsers differ in the line ends, preambles
// and escapes that they accept, so parseForm accepts only what every parser
// reads in the same way.
func (b *requestBody) parseForm(boundary string) error {
	if !formBoundary.MatchString(boundary) {
		return errAmbiguousForm
	}
	delimiter := []byte("--" + boundary)
	rest, found := bytes.CutPrefix(b.content, delimiter)
	if !found {
		return errAmbiguousForm
	}
	fields := map[string]bool{}
	for parts := 0; ; parts++ {
		switch {
		case string(rest) == "--" || string(rest) == "--\r\n":
			if parts == 0 {
				return errAmbiguousForm
			}
			return nil
		case !bytes.HasPrefix(rest, []byte("\r\n")) || parts == maxFormParts:
			return errAmbiguousForm
		}
		// No line of a part may begin with the delimiter, whatever ends the
		// line, so the first one ends the part.
		end := bytes.Index(rest[2:], delimiter)
		if end < 2 || string(rest[end:end+2]) != "\r\n" {
			return errAmbiguousForm
		}
		head, value, found := bytes.Cut(rest[2:end], []byte("\r\n\r\n"))
		if !found {
			return errAmbiguousForm
		}
		if err := b.formPart(string(head), value, fields); err != nil {
			return err
		}
		rest = rest[end+2+len(delimiter):]
	}
}

// formPart reads one part of a form.
func (b *requestBody) formPart(head string, value []byte, fields map[string]bool) error {
	name, isFile, isText := "", false, true
	for i, line := range strings.Split(head, "\r\n") {
		disposition, other := dispositionHeader.FindStringSubmatch(line), otherHeader.FindStringSubmatch(line)
		switch {
		case disposition != nil && name == "":
			name, isFile = disposition[1], disposition[2]+disposition[3] != ""
		case other == nil || i > 3:
			return errAmbiguousForm
		case other[3] != "" && other[3] != strconv.Itoa(len(value)): // some parsers read no further
			return errAmbiguousForm
		case other[3] == "":
			isText = textHeader.MatchString(line)
		}
	}
	// Multer puts the value of a field model[x] into the field model.
	plain := strings.ToLower(name)
	if end := strings.IndexAny(plain, "[]"); end >= 0 {
		plain = plain[:end]
	}
	switch plain {
	case "", "_charset_": // the latter changes the encoding of other fields
		return errAmbiguousForm
	case "model", "n", "stream":
		if name != plain || fields[name] || isFile || !isText {
			if plain == "model" {
				return errFormModel
			}
			return errAmbiguousForm
		}
		fields[name] = true
	case "models", "fallbacks", "background":
		return bodyError("The field " + name + " is not allowed. Remove it, and name one model in the field model.")
	}
	switch {
	case isFile:
		b.files = append(b.files, value)
	case name == "model":
		b.model = string(value)
	case name == "n":
		b.choices = max(b.choices, parseCount(value))
	case name == "stream":
		b.stream = string(value) == "true" || string(value) == "1" || string(value) == "True"
	case name == "prompt":
		b.promptBytes += int64(len(value))
	}
	return nil
}
