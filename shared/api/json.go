package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-api/latchkey/shared/wire"
)

const (
	maxBody  = 16 << 10 // bytes
	maxDepth = 8        // the object itself is the first level
)

// decode reads a body strictly: one JSON object of at most 16 KiB in UTF-8,
// nothing after it, no key twice, at most 8 levels deep, no field that into
// does not have. A field is a pointer that stays nil for null.
func decode(r *http.Request, into any) error {
	return decodeUpTo(maxBody, r, into)
}

// decodeUpTo is decode of a body of at most limit bytes.
func decodeUpTo(limit int64, r *http.Request, into any) error {
	body, err := readBody(r, limit)
	if err != nil {
		return err
	}
	return decodeObject(body, into)
}

// decodeIfAny is decode where no field is required: no body is an object
// without any.
func decodeIfAny(r *http.Request, into any) error {
	body, err := readBody(r, maxBody)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return err
	}
	return decodeObject(body, into)
}

func readBody(r *http.Request, limit int64) ([]byte, error) {
	if err := checkMediaType(r.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	body, err := readUpTo(limit, r)
	if err == nil && int64(len(body)) > limit {
		err = &sizeError{limit}
	}
	return body, err
}

// readUpTo reads a body, and of one that is larger than limit one byte more.
func readUpTo(limit int64, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(r.Context().Err(), context.DeadlineExceeded):
		return nil, errSlowBody
	case err != nil:
		return nil, invalidJSON("could not be read to its end: send it again")
	default:
		return body, nil
	}
}

func decodeObject(body []byte, into any) error {
	names, values, err := parseObject(body)
	if err != nil {
		return err
	}
	return setFields(into, names, values, nil)
}

// checkMediaType takes JSON of any kind; no type at all is read as JSON.
func checkMediaType(header string) error {
	if header == "" {
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(header)
	kind, ok := strings.CutPrefix(mediaType, "application/")
	if err != nil || !ok || kind != "json" && !strings.HasSuffix(kind, "+json") {
		return errMediaType
	}
	return nil
}

func invalidJSON(what string) error {
	return &inputError{wire.ErrInvalidJSON, "The body " + what + "."}
}

// parseObject reads a body's one object: its keys in their order, and their
// values.
func parseObject(body []byte) ([]string, map[string]json.RawMessage, error) {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return nil, nil, invalidJSON("is empty: send one JSON object")
	case bytes.HasPrefix(body, []byte("\xEF\xBB\xBF")):
		return nil, nil, invalidJSON("begins with a byte order mark: send plain UTF-8 without it")
	case !utf8.Valid(body):
		return nil, nil, invalidJSON("is not valid UTF-8: send it as UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	var first json.RawMessage
	if err := decoder.Decode(&first); err != nil {
		return nil, nil, invalidJSON(fmt.Sprintf("is not valid JSON at byte %d: send one JSON object", syntaxOffset(err, body)))
	}
	if rest := bytes.TrimLeft(body[decoder.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, nil, invalidJSON("goes on after its JSON value: send one JSON object and nothing else")
	}
	if kind := kindOf(first); kind != "an object" {
		return nil, nil, invalidJSON("must be one JSON object, not " + kind)
	}
	if hasLoneSurrogate(first) {
		return nil, nil, invalidJSON("has half of a surrogate pair as a \\u escape: send both halves or the character itself")
	}
	keys := json.NewDecoder(bytes.NewReader(first))
	keys.UseNumber() // 1e400 is no float64, but it is JSON
	names, err := walk(keys, 0)
	if err != nil {
		return nil, nil, err
	}
	values := make(map[string]json.RawMessage, len(names))
	if err := json.Unmarshal(first, &values); err != nil {
		return nil, nil, invalidJSON("is not a JSON object: send one")
	}
	return names, values, nil
}

func syntaxOffset(err error, body []byte) int64 {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return syntax.Offset
	}
	return int64(len(body)) // it ended too early
}

// walk reads one value and returns its keys if it is an object. It refuses
// a key that comes twice in one object, and an object or array inside of
// maxDepth others.
func walk(d *json.Decoder, outside int) ([]string, error) {
	next, err := d.Token()
	if err != nil {
		return nil, invalidJSON("is not valid JSON: send one JSON object")
	}
	open, ok := next.(json.Delim)
	if !ok {
		return nil, nil
	}
	if outside == maxDepth {
		return nil, invalidJSON(fmt.Sprintf("is nested more than %d levels deep: send a flat object", maxDepth))
	}
	var names []string
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return nil, invalidJSON("is not valid JSON: send one JSON object")
			}
			text, _ := name.(string)
			if seen[text] {
				return nil, invalidJSON(fmt.Sprintf("has the key %s twice: send each key once", quote(text)))
			}
			seen[text] = true
			names = append(names, text)
		}
		if _, err := walk(d, outside+1); err != nil {
			return nil, err
		}
	}
	_, err = d.Token() // the closing delimiter
	return names, err
}

// hasLoneSurrogate finds \ud83d without its other half. The decoder would
// put a replacement character there without a word.
func hasLoneSurrogate(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		unit, ok := escapedUnit(raw[i:])
		if !ok {
			i++ // another escape, such as \\
			continue
		}
		i += 5
		switch {
		case unit >= 0xDC00 && unit < 0xE000:
			return true
		case unit >= 0xD800 && unit < 0xDC00:
			low, ok := escapedUnit(raw[i+1:])
			if !ok || low < 0xDC00 || low >= 0xE000 {
				return true
			}
			i += 6
		}
	}
	return false
}

// escapedUnit reads the UTF-16 unit of an escape such as \u00e9.
func escapedUnit(raw []byte) (uint64, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return unit, err == nil
}
