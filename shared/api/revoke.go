package api

import (
	"net/http"
	"strings"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// RevokeKey is POST /api/token/revoke: ends a key for whoever shows it. The answer
// is the same for every key, also for one that does not exist, as in RFC 7009, 2.2.
// The function of the status, which strangers call, too, serves it.
var RevokeKey = Route{
	Endpoint: Endpoint{Name: "revoke", Method: http.MethodPost, Path: wire.RevokePath, Function: "status"},
	serve:    revokeKey,
}

func revokeKey(s Services, r *http.Request) (response, error) {
	key, err := readRevokedKey(r)
	if err != nil {
		return response{}, err
	}
	revoked, err := s.Keys.Revoke(r.Context(), key)
	return okResponse(nil).forKey(revoked), err
}

// readRevokedKey returns the key of the body or, without one, of the header.
func readRevokedKey(r *http.Request) (string, error) {
	var in wire.RevokeInput
	if err := decodeIfAny(r, &in); err != nil {
		return "", err
	}
	key := strings.TrimSpace(valueOf(in.Key))
	if in.Key == nil {
		key = credential.Bearer(r.Header.Get("Authorization"))
	}
	if key == "" {
		return "", required("key", "send the key that is to end, as {\"key\":\"sk-…\"} or in the header Authorization: Bearer")
	}
	return key, nil
}
