package api

import (
	"net/http"
	"runtime/debug"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// ShowStatus is GET /api/status: the version, and what quota is worth. It needs no
// authentication.
var ShowStatus = Route{
	Endpoint: Endpoint{Name: "status", Method: http.MethodGet, Path: wire.StatusPath},
	serve:    showStatus,
}

func showStatus(s Services, r *http.Request) (response, error) {
	prices, err := s.Keys.Prices(r.Context())
	if err != nil {
		return response{}, err
	}
	status := wire.SystemStatus{SystemName: "Latchkey", Version: "(devel)"}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		status.Version = info.Main.Version
	}
	if scale := prices.Scale(); scale != 0 {
		status.QuotaPerUnit = &scale
	}
	return okResponse(status), nil
}
