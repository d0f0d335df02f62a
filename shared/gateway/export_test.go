package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/latchkey-api/latchkey/shared/price"
)

// Access for the tests, which are in another package.

// Route returns the shape and the model of the endpoint that a method and a
// request target reach, and the query that is passed on.
func Route(method, target string, allow ...Allowed) (shape, model, query string, err error) {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return "", "", "", err
	}
	m := &middleware{Options: Options{Allow: allow}}
	e, query, _, err := m.route(&http.Request{Method: method, URL: u})
	return e.shape.String(), e.model, query, err
}

// SetReserveTimeout sets how long a reservation may take.
func (h *Handler) SetReserveTimeout(d time.Duration) { h.reserveTimeout = d }

// EstimateInput returns the estimated input tokens of a JSON body.
func EstimateInput(body string) int64 { return estimateInput([]byte(body)) }

// ParseFor parses a JSON body for the endpoint of a path.
func ParseFor(path, body string) error {
	e, _ := findEndpoint(http.MethodPost, path)
	_, err := parseBody(e, http.Header{}, []byte(body))
	return err
}

// Answers returns how many answers the JSON body of a completion asks for.
func Answers(body string) int64 {
	b := &requestBody{content: []byte(body)}
	_ = b.parseJSON(endpoint{kind: kindCompletion}) // the bodies of the tests are valid
	return b.answers()
}

// Rewritten returns a JSON body for a chat completion as it is passed on, with a
// limit of output tokens if limit is not 0, and whether usage was asked for.
func Rewritten(body string, limit int64) (string, bool, error) {
	e := endpoint{kind: kindChat}
	b, err := parseBody(e, http.Header{}, []byte(body))
	if err != nil {
		return "", false, err
	}
	b.injectUsage(e.kind, true)
	if limit > 0 {
		b.setMaxTokens(e, limit)
	}
	return string(b.edited()), b.injected, nil
}

// ModelOf returns the model that a body names.
func ModelOf(h http.Header, content []byte) (string, error) {
	body, err := parseBody(endpoint{kind: kindChat}, h, content)
	if err != nil {
		return "", err
	}
	return body.model, nil
}

// An Answer is what ReadAnswer finds in the body of an answer.
type Answer struct {
	Usage                   price.Usage
	Reported, Ended, Failed bool
	Delivered               int64 // tokens, estimated
}

// ReadAnswer reads the answer of an API in pieces of pieceBytes. complete says
// that the upstream has ended it; input is the estimate of the request.
func ReadAnswer(api string, body []byte, pieceBytes int, input price.Usage, complete bool) Answer {
	r := newAnswerReader(map[string]shape{"openai": shapeOpenAI, "anthropic": shapeAnthropic, "gemini": shapeGemini}[api], 1)
	s := newAnswerStream(r, false)
	for len(body) > 0 {
		piece := body[:min(pieceBytes, len(body))]
		body = body[len(piece):]
		for len(piece) > 0 {
			n, at := s.read(piece)
			if at == endOfEvent {
				s.events.reset()
			}
			piece = piece[n:]
		}
	}
	s.finish()
	state := r.progress()
	u, reported := usageOf(r, input, complete)
	return Answer{u, reported, state.ended || state.finished, state.failed, state.total().tokens()}
}

// Decode decodes a body that arrives in pieces of pieceBytes.
func Decode(codings []string, body []byte, pieceBytes int) ([]byte, error) {
	var decoded []byte
	d := newDecoder(codings, func(p []byte) error {
		decoded = append(decoded, p...)
		return nil
	})
	for len(body) > 0 {
		n := min(pieceBytes, len(body))
		if err := d.write(body[:n]); err != nil {
			d.stop()
			return decoded, err
		}
		body = body[n:]
	}
	return decoded, d.close()
}

// An Event is an event of a stream: its name and its data.
type Event struct{ Name, Data string }

// ReadEvents reads a stream of events in pieces of pieceBytes. It also returns
// the lines that belong to no event, and how many bytes the events have.
func ReadEvents(body []byte, pieceBytes int) (events []Event, text string, size int) {
	var event Event
	var r eventReader
	r.data = func(p []byte) { event.Data += string(p) }
	r.text = func(p []byte) { text += string(p) }
	for len(body) > 0 {
		piece := body[:min(pieceBytes, len(body))]
		body = body[len(piece):]
		for len(piece) > 0 {
			if r.isTail(piece) {
				r.afterCR, piece, size = false, piece[1:], size+1
				continue
			}
			n, ended := r.read(piece)
			piece, size = piece[n:], size+n
			if ended {
				event.Name = string(r.kind)
				events, event = append(events, event), Event{}
				r.reset()
			}
		}
	}
	return events, text, size
}

// JSONValues returns the scalars of a JSON text that arrives in pieces of
// pieceBytes, as lines of path and value.
func JSONValues(body []byte, pieceBytes int) (values []string, ok bool) {
	size := int64(0)
	r := jsonReader{}
	r.visit = func(path []byte, v jsonValue) {
		value := string(v.text)
		switch v.kind {
		case jsonObject, jsonArray:
			return
		case jsonPart:
			size += v.size
			return
		case jsonString:
			value = fmt.Sprint(size + v.size)
			size = 0
		case jsonNumber, jsonLiteral, jsonNull:
		}
		values = append(values, string(path)+" "+value)
	}
	for len(body) > 0 && r.state != gaveUp {
		n, _ := r.read(body[:min(pieceBytes, len(body))])
		body = body[n:]
	}
	r.finish()
	return values, r.state != gaveUp
}
