package wire

// Envelope is the body of every answer of the API except that of the usage
// route. A success has Data, and a batch of ids also Results. A failure has
// Message, Code and RequestID.
type Envelope[T any] struct {
	Success   bool     `json:"success"`
	Message   string   `json:"message"` // a sentence for people
	Data      T        `json:"data"`
	Results   []Result `json:"results,omitempty"`
	Code      Code     `json:"code,omitempty"`
	RequestID string   `json:"request_id,omitempty"` // finds the request in the operator's logs
}

// Failure is the envelope of a failure as the API writes it, without data.
type Failure struct {
	Success   bool   `json:"success"` // false
	Message   string `json:"message"`
	Code      Code   `json:"code"`
	RequestID string `json:"request_id"`
}
