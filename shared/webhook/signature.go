package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/event"
)

// The headers of a webhook. Net/http writes them in canonical form; names of
// headers are not case-sensitive.
const (
	HeaderID        = "Webhook-Id"        // the id of the event, the same for each attempt
	HeaderTimestamp = "Webhook-Timestamp" // the Unix second of the attempt
	HeaderSignature = "Webhook-Signature" // one signature for each valid secret, separated by spaces
)

// Tolerance is how far the timestamp of an attempt may be from the receiver's
// clock, in either direction. The libraries of Standard Webhooks have the same.
const Tolerance = 5 * time.Minute

// signatureVersion is HMAC-SHA-256.
const signatureVersion = "v1,"

// Errors of Verify.
var (
	// ErrHeaders means that a header of a webhook is missing, repeated or
	// malformed.
	ErrHeaders = errors.New("the headers webhook-id, webhook-timestamp and webhook-signature are missing or malformed")
	// ErrTimestamp means that the attempt was made more than Tolerance ago, or is
	// from the future: it may be a replay, or a clock is wrong.
	ErrTimestamp = errors.New("webhook-timestamp is more than 5 minutes from now: the webhook may be a replay, or a clock is wrong")
	// ErrSignature means that no signature is right: the webhook comes from
	// somebody else, or the secret or the body is not the one that was signed.
	ErrSignature = errors.New("no signature in webhook-signature is right: check the secret, and verify the body as it came, before it is parsed")
)

// SetHeader sets the headers of an attempt at a time: one signature by each of the
// secrets.
func SetHeader(header http.Header, secrets []Secret, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		signatures[i] = signatureVersion + base64.StdEncoding.EncodeToString(sign(secret, id, timestamp, body))
	}
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, timestamp)
	header.Set(HeaderSignature, strings.Join(signatures, " "))
}

// Verify returns nil if one of the secrets has signed the body and headers of a
// webhook, not more than Tolerance from now. The error is ErrHeaders, ErrTimestamp
// or ErrSignature.
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#verifying-signatures
func Verify(secrets []Secret, header http.Header, body []byte, now time.Time) error {
	id, timestamp, signatures := only(header, HeaderID), only(header, HeaderTimestamp), only(header, HeaderSignature)
	if !event.ValidID(id) || timestamp == "" || strings.Trim(timestamp, "0123456789") != "" || signatures == "" {
		return ErrHeaders
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return ErrHeaders
	}
	if away := now.Unix() - seconds; away > int64(Tolerance/time.Second) || away < -int64(Tolerance/time.Second) {
		return ErrTimestamp
	}
	for _, secret := range secrets {
		if len(secret.Key()) < minSecretBytes {
			continue // the zero Secret would be known to everybody
		}
		want := sign(secret, id, timestamp, body)
		for signature := range strings.SplitSeq(signatures, " ") {
			encoded, ok := strings.CutPrefix(signature, signatureVersion)
			got, err := base64.StdEncoding.Strict().DecodeString(encoded)
			if ok && err == nil && hmac.Equal(got, want) {
				return nil
			}
		}
	}
	return ErrSignature
}

// sign returns the signature of a webhook. The id has no full stop, so no two
// webhooks are signed alike.
func sign(secret Secret, id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, secret.Key())
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// only returns the value of a header that occurs once, else "".
func only(header http.Header, name string) string {
	values := header.Values(name)
	if len(values) != 1 {
		return ""
	}
	return values[0]
}
