package gateway

import (
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

	// SettleFailed means that the hold could neither be settled nor released. The
	// table releases it when its time has come.
	SettleFailed bool
}

// observe passes on how a request ended.
func (m *middleware) observe(req *request, status int, err error) {
	if m.Observe == nil {
		return
	}
	record := Record{
		Status: status, Shape: "openai", Model: credential.Redact(req.Model), Charged: req.chargedUnits,
		SettleFailed: err != nil && req.holdOpen,
	}
	if req.chargedUnits > 0 {
		record.Usage = req.usage
	}
	m.Observe(record)
}
