package modelstest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-api/latchkey/shared/price"
)

// obj is a JSON object.
type obj = map[string]any

// An exchange is one request and its answer.
type exchange struct {
	w        http.ResponseWriter
	r        *http.Request
	vendor   vendor
	upstream *Upstream
	record   *Record
	order    order
	in       request
}

// A request holds the fields that change an answer, under the names of all
// vendors.
type request struct {
	Model          string          `json:"model"`
	Stream         bool            `json:"stream"`
	N              int64           `json:"n"`
	MaxTokens      int64           `json:"max_tokens"`
	MaxCompletion  int64           `json:"max_completion_tokens"`
	MaxOutput      int64           `json:"max_output_tokens"`
	Prompt         any             `json:"prompt"`
	Input          any             `json:"input"`
	Tools          []any           `json:"tools"`
	Messages       []obj           `json:"messages"`
	Contents       []obj           `json:"contents"`
	Requests       []obj           `json:"requests"`
	EncodingFormat string          `json:"encoding_format"`
	ResponseFormat json.RawMessage `json:"response_format"`
	StreamOptions  struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	GenerationConfig struct {
		MaxOutputTokens int64 `json:"maxOutputTokens"`
		CandidateCount  int64 `json:"candidateCount"`
	} `json:"generationConfig"`
}

// serve reads a request, checks its key and answers it.
func (u *Upstream) serve(x *exchange, answer func(*exchange)) {
	x.record.Method, x.record.Path = x.r.Method, x.r.URL.Path
	x.record.Leaks = leaks(x.r)
	body, err := io.ReadAll(x.r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	x.order = parseOrder(body)
	problem := x.parse(body)
	x.record.Model, x.record.Stream = x.in.Model, x.in.Stream
	u.note(x.record, nil)
	switch {
	case x.vendor.keyOf(x.r) != Key:
		x.fail(http.StatusUnauthorized)
	case problem != nil:
		x.fail(http.StatusBadRequest)
	case x.order.status != 0:
		x.fail(x.order.status)
	default:
		answer(x)
	}
}

// parse reads the request's fields from JSON or from a form.
func (x *exchange) parse(body []byte) error {
	kind, params, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type")) // "" if there is no body
	switch {
	case len(body) == 0:
		return nil
	case kind != "multipart/form-data":
		return json.Unmarshal(body, &x.in)
	}
	form, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).ReadForm(1 << 20)
	if err != nil {
		return err
	}
	first := func(name string) string { return cmp.Or(append(form.Value[name], "")...) }
	x.in.Model, x.in.Stream = first("model"), first("stream") == "true"
	x.in.ResponseFormat, err = json.Marshal(first("response_format"))
	return err
}

// leaks names what holds a credential that is not the upstream's own.
func leaks(r *http.Request) []string {
	var found []string
	for name, values := range r.Header {
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, "sk-") }) || name == "Cookie" {
			found = append(found, name)
		}
	}
	if strings.Contains(r.URL.RawQuery, "sk-") {
		found = append(found, "query")
	}
	return found
}

// tokens returns how many tokens of text each choice has. limit is the
// request's limit, 0 for none; cut reports that the limit shortened the text.
func (x *exchange) tokens(limit int64) (n int64, cut bool) {
	if limit > 0 && limit < x.order.tokens {
		return limit, true
	}
	return x.order.tokens, false
}

// usage returns the usage of an answer with n choices of this many tokens.
func (x *exchange) usage(n, tokens int64) price.Usage {
	o := x.order
	return price.Usage{
		InputTokens: o.input - o.cached, CacheReadTokens: o.cached, CacheWriteTokens: o.cacheWrite, CacheWrite1hTokens: o.cacheWrite1h,
		OutputTokens: n*tokens + o.reasoning, ReasoningTokens: o.reasoning,
	}
}

// reported records that the answer has reported its usage. It does nothing
// after the order do:no-usage.
func (x *exchange) reported(u price.Usage) {
	x.upstream.note(x.record, func(r *Record) { r.Usage, r.Reported = u, !x.order.noUsage })
}

func (x *exchange) sent(tokens int64, text string) {
	x.upstream.note(x.record, func(r *Record) {
		r.Sent += tokens
		r.Text += text
	})
}

func (x *exchange) ended() { x.upstream.note(x.record, func(r *Record) { r.Ended = true }) }

// json answers with a JSON object, which used u. The key "usage" or
// "usageMetadata" is removed after the order do:no-usage.
func (x *exchange) json(body obj, u price.Usage, tokens int64, text string) {
	if x.order.noUsage {
		delete(body, "usage")
		delete(body, "usageMetadata")
	}
	if x.order.errorIn200 {
		body, u, tokens, text = x.vendor.problem(http.StatusInternalServerError), price.Usage{}, 0, ""
	}
	x.reported(u)
	x.sent(tokens, text)
	x.write(http.StatusOK, "application/json", encode(body))
}

// write answers with a whole body.
func (x *exchange) write(status int, contentType string, body []byte) {
	x.upstream.note(x.record, func(r *Record) { r.Status = status })
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("X-Request-Id", "req_fake")
	if x.order.gzip {
		x.w.Header().Set("Content-Encoding", "gzip")
		body = compress(body)
	}
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body) // the client may be gone
	x.ended()
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the answers are ours
	}
	return text
}

func compress(body []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(body) // a Buffer never fails
	_ = z.Close()
	return out.Bytes()
}
