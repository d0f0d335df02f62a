// Package modelstest is an upstream for tests. It answers as the APIs of
// OpenAI, Anthropic and Gemini do, plain and streamed, and records for each
// request the usage that it reported and the text that it sent.
//
// Words in the text of a request steer the answer, such as "do:cut-3": see
// order. Without such words the answer has 8 tokens of output, and the request
// counts as 20 tokens of input. Answers contain no time and no random number,
// so equal requests get equal answers.
package modelstest

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/latchkey-api/latchkey/shared/price"
)

// Key is the upstream's key. Requests with another key are answered with 401 in
// the vendor's form.
const Key = "upstream-key-of-the-operator"

// An Upstream is a running upstream. Its two addresses answer alike; records
// tell them apart.
type Upstream struct {
	URL       string // for the proxy
	DirectURL string // for clients that call without the proxy

	proxied, direct *httptest.Server

	mu      sync.Mutex
	records []*Record
}

// A Record describes one request and its answer.
type Record struct {
	Method, Path string
	Direct       bool // sent to DirectURL
	Model        string
	Stream       bool

	Status   int         // of the answer
	Usage    price.Usage // what the answer cost
	Reported bool        // the answer contained its usage, and was sent up to there
	Sent     int64       // tokens of output that were sent, in all choices
	Text     string      // the text that was sent
	Ended    bool        // the whole answer was sent

	// Leaks names the headers and query values with a credential that is not the
	// upstream's own.
	Leaks []string
}

// New starts an upstream. Close stops it.
func New() *Upstream { return NewOn(nil) }

// NewOn starts an upstream whose URL is that of a listener. Close stops both.
func NewOn(listener net.Listener) *Upstream {
	u := new(Upstream)
	u.proxied = httptest.NewUnstartedServer(u.handler(false))
	if listener != nil {
		_ = u.proxied.Listener.Close() // nobody has its address
		u.proxied.Listener = listener
	}
	u.proxied.Start()
	u.direct = httptest.NewServer(u.handler(true))
	u.URL, u.DirectURL = u.proxied.URL, u.direct.URL
	return u
}

// Close closes every connection and stops the upstream.
func (u *Upstream) Close() {
	for _, s := range []*httptest.Server{u.proxied, u.direct} {
		s.CloseClientConnections()
		s.Close()
	}
}

// Take returns a copy of the records so far, oldest first, and forgets them.
// Call it when the answers have ended.
func (u *Upstream) Take() []Record {
	u.mu.Lock()
	defer u.mu.Unlock()
	var taken []Record
	for _, r := range u.records {
		taken = append(taken, *r)
	}
	u.records = nil
	return taken
}

// note changes a record, or adds it if change is nil.
func (u *Upstream) note(r *Record, change func(*Record)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if change == nil {
		u.records = append(u.records, r)
		return
	}
	change(r)
}

// handler returns the three APIs. A path that no vendor has is answered with 404.
func (u *Upstream) handler(direct bool) http.Handler {
	mux := http.NewServeMux()
	for pattern, route := range map[string]route{
		"POST /v1/chat/completions":            {openAI, chat},
		"POST /v1/completions":                 {openAI, completions},
		"POST /v1/embeddings":                  {openAI, embeddings},
		"POST /v1/responses":                   {openAI, responses},
		"POST /v1/images/generations":          {openAI, images},
		"POST /v1/images/edits":                {openAI, images},
		"POST /v1/audio/speech":                {openAI, speech},
		"POST /v1/audio/transcriptions":        {openAI, transcription},
		"POST /v1/audio/translations":          {openAI, translation},
		"POST /v1/moderations":                 {openAI, moderations},
		"GET /v1/models":                       {openAI, models},
		"GET /v1/models/{model}":               {openAI, model},
		"POST /v1/messages":                    {anthropic, messages},
		"POST /v1/messages/count_tokens":       {anthropic, countMessage},
		"POST /v1beta/models/{modelAndMethod}": {gemini, generate},
		"POST /v1/models/{modelAndMethod}":     {gemini, generate}, // as the package for Python calls it
		"GET /v1beta/models":                   {gemini, geminiModels},
		"/":                                    {openAI, notFound},
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			u.serve(&exchange{w: w, r: r, vendor: route.vendor, upstream: u, record: &Record{Direct: direct}}, route.answer)
		})
	}
	return mux
}

type route struct {
	vendor vendor
	answer func(*exchange)
}
