package wire

// Envelope is the form of every answer's body. A successful one has Data, a
// failed one has Code and RequestID.
type Envelope[T any] struct {
	Success   bool     `json:"success"`
	Message   string   `json:"message"`
	Data      T        `json:"data"`
	Results   []Result `json:"results,omitempty"`
	Code      Code     `json:"code,omitempty"`
	RequestID string   `json:"request_id,omitempty"`
}

// Failure is the body of an answer to a request that failed.
type Failure struct {
	Success   bool   `json:"success"`
	Message   string `json:"message"`
	Code      Code   `json:"code"`
	RequestID string `json:"request_id"`
}
