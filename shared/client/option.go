package client

// A CallOption changes one call.
type CallOption func(*request)

// An ETag names one version of a token. Changing a token's settings gives it
// another ETag; spending its quota does not.
type ETag string

// IfMatch makes a call conditional: if the token's ETag is another one by now,
// the call fails with wire.ErrVersionMismatch and changes nothing. It is for
// Update, SetStatus and Delete; other methods return an error.
func IfMatch(etag ETag) CallOption { return func(r *request) { r.match = etag } }

// IdempotencyKey lets a program repeat a call after a crash: for 24 h the same
// call with the same key returns the first answer again and changes nothing.
// The same key with another body fails with wire.ErrIdempotencyMismatch.
// Without this option each call gets a random key, so only the client's own
// retries are protected. It is for Create, CreateAll, Rotate, DeleteAll and SetStatusAll;
// other methods return an error.
// An empty key is an error: the program has lost its key.
func IdempotencyKey(key string) CallOption {
	return func(r *request) { r.idempotencyKey, r.emptyKey = key, key == "" }
}
