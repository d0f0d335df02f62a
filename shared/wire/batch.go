package wire

// IDsInput is the body of a batch delete or of a batch that sets a status. A
// nil field is absent.
type IDsInput struct {
	IDs    []int64 `json:"ids,omitzero"`     // 1 to MaxIDs
	Status *int64  `json:"status,omitempty"` // only for the batch that sets the status: 1 enables, 2 disables
}

// A Result reports what a batch did to one token. If it failed, Field names the
// element of ids, such as "ids[1]", and Code and Message are those of a failed
// request for this token alone.
type Result struct {
	Index   int    `json:"index"` // position in the request's ids, from 0
	ID      int64  `json:"id"`
	Success bool   `json:"success"`
	Field   string `json:"field,omitempty"`
	Code    Code   `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}
