package wire

// KeysInput is the body of a request for several keys.
type KeysInput struct {
	IDs []int64 `json:"ids,omitzero"` // 1 to MaxIDs
}

// A ShownKey is the key of a token without sk-, as New API shows it.
type ShownKey struct {
	Key string `json:"key"`
}

// ShownKeys are keys without sk-, by the ids of their tokens.
type ShownKeys struct {
	Keys map[int64]string `json:"keys"`
}
