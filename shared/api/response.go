package api

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A response is what a route returns on success.
type response struct {
	status   int
	data     any
	results  []wire.Result // beside the data, of a batch
	bare     bool          // data is the whole body, as clients of New API expect it
	file     *sentFile     // in the place of data
	download *download     // in the place of data
	etag     string
	location string
	userID   int64        // for the log
	tokenID  int64        // for the log; 0 where an answer is not about one token
	tokenIDs []int64      // for the log, of a batch
	refusal  quota.Reason // for the log: why a key is refused
}

func okResponse(data any) response { return response{status: http.StatusOK, data: data} }

func createdResponse(data any, location string) response {
	return response{status: http.StatusCreated, data: data, location: location}
}

// forToken names the token in the log line. After a backup is restored, the log
// has to show which tokens were deleted since.
func (a response) forToken(id int64) response {
	a.tokenID = id
	return a
}

// forKey names the token and its user in the log line, for a request that a key
// authenticated.
func (a response) forKey(t token.Token) response {
	a.userID = t.UserID
	return a.forToken(t.ID)
}

// forVerdict is forKey that also logs why the key is refused, if it is.
func (a response) forVerdict(v quota.Verdict) response {
	a.refusal = v.Reason
	return a.forKey(v.Token)
}

func (a response) withETag(version int64) response {
	a.etag = etag(version)
	return a
}

// A reply is what is sent and logged: a response or a problem.
type reply struct {
	response
	problem   problem
	requestID string
	err       error
}

// fail turns the reply into the problem of an error; nil changes nothing.
func (o *reply) fail(err error) {
	if err == nil {
		return
	}
	o.err = err
	o.problem = problemOf(err)
	// Nothing of a half-made answer is sent. The log names the tokens, because a
	// request that failed may have changed them.
	o.response = response{userID: o.userID, tokenID: o.tokenID, tokenIDs: o.tokenIDs}
	o.status = o.problem.status
	if o.status == http.StatusUnauthorized {
		o.userID, o.tokenID, o.tokenIDs = 0, 0, nil // unproven claims
	}
}

func (o *reply) body() []byte {
	var content any = wire.Failure{Message: credential.Redact(o.problem.message), Code: o.problem.code, RequestID: o.requestID}
	switch {
	case o.err == nil && o.file != nil:
		return o.file.content
	case o.err == nil && o.download != nil:
		return o.download.content
	case o.err == nil && o.bare:
		content = o.data
	case o.err == nil:
		content = wire.Envelope[any]{Success: true, Data: o.data, Results: o.results}
	}
	body, err := json.Marshal(content)
	if err != nil { // data that can't be marshalled is our mistake
		o.fail(err)
		return o.body()
	}
	return body
}

// write sends the reply to a request. A reply to HEAD has the headers of one to GET,
// and no body.
func (o *reply) write(w http.ResponseWriter, r *http.Request) {
	body := o.body()
	h := w.Header()
	switch {
	case o.file != nil:
		o.file.headers(h)
	case o.download != nil:
		o.download.headers(h)
	default:
		h.Set("Content-Type", "application/json; charset=utf-8")
		h.Set("Cache-Control", "no-store")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Request-Id", o.requestID)
	for name, value := range map[string]string{
		"ETag": o.etag, "Location": o.location,
		"Allow": o.problem.allow, "WWW-Authenticate": o.problem.challenge, "Retry-After": o.problem.retryAfter,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	if o.status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(o.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the caller may have gone
	}
}
