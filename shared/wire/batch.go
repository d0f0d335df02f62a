package wire

// MaxIDs is how many tokens one request can delete, or switch.
const MaxIDs = 100

// A Result is what became of one of several ids. Where it is no success,
// Field, Code and Message say why, as of a request for that id alone.
type Result struct {
	Index   int    `json:"index"` // in the ids, from 0
	ID      int64  `json:"id"`
	Success bool   `json:"success"`
	Field   string `json:"field,omitempty"`
	Code    Code   `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// IDsInput is the body of a batch on tokens that exist. Status is for the
// batch that switches them.
type IDsInput struct {
	IDs    []int64 `json:"ids,omitzero"`
	Status *int64  `json:"status,omitempty"` // 1 enables, 2 disables
}
