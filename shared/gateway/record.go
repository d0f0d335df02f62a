package gateway

import (
	"log/slog"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/price"
)

// A Record describes a request that has ended, in what a metric needs. It never
// contains a key.
type Record struct {
	Status  int         // of the answer
	Shape   string      // the API that the caller speaks: openai, anthropic or gemini
	Model   string      // as the caller named it, so it can be anything; credentials in it are masked. "" if it names none
	Usage   price.Usage // what was charged, estimated where the answer did not say it; zero if nothing was charged
	Charged int64       // units

	// SettleFailed means that the hold could neither be settled nor released. It
	// expires by itself.
	SettleFailed bool
}

// observe passes on how a request ended.
func (m *middleware) observe(req *request, status int) {
	if m.Observe == nil {
		return
	}
	record := Record{
		Status: status, Shape: req.endpoint.shape.String(), Model: credential.Redact(req.Model), Charged: req.chargedUnits,
		SettleFailed: req.settleFailed,
	}
	if req.chargedUnits > 0 {
		record.Usage = req.usage
	}
	m.Observe(record)
}

// usageAttrs returns what the log line says of the usage: tokens by kind, how
// they are known, and the revision of the prices.
func (req *request) usageAttrs() []slog.Attr {
	if req.usage == (price.Usage{}) {
		return nil
	}
	source := "estimated"
	if req.reported {
		source = "reported"
	}
	return []slog.Attr{slog.Any("usage", req.usage), slog.String("usage_source", source), slog.Int64("price_revision", req.priceRevision)}
}
