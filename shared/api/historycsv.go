package api

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/wire"
)

// ShowHistoryCSV is GET /api/token/{id}/usage.csv: ShowHistory as CSV, without
// refusals.
var ShowHistoryCSV = Route{
	Endpoint: Endpoint{Name: "historycsv", Method: http.MethodGet, Path: wire.HistoryCSVPath, Function: UsageHistory},
	serve:    func(s Services, r *http.Request) (response, error) { return s.tokenHistory(r, asCSV) },
}

// ShowSelfHistoryCSV is GET /api/user/self/usage.csv: ShowSelfHistory as CSV,
// without refusals. The header Link leads to the next page.
var ShowSelfHistoryCSV = Route{
	Endpoint: Endpoint{Name: "selfhistorycsv", Method: http.MethodGet, Path: wire.SelfCSVPath, Function: UsageHistory},
	serve:    func(s Services, r *http.Request) (response, error) { return s.selfHistory(r, asCSV) },
}

// A download is an answer that is a file to save.
type download struct {
	name, mediaType string
	content         []byte
	next            string // the query of the next page, "" if there is none
}

func (d *download) headers(h http.Header) {
	h.Set("Content-Type", d.mediaType)
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", d.name))
	h.Set("Cache-Control", "no-store")
	if d.next != "" {
		h.Set("Link", "<?"+d.next+`>; rel="next"`)
	}
}

func asCSV(in historyInput, view wire.UsageHistory) response {
	var content bytes.Buffer // to which writes don't fail
	header := csv.NewWriter(&content)
	header.UseCRLF = true
	_ = header.Write(wire.HistoryCSVHeader())
	header.Flush()
	_ = wire.WriteHistoryCSV(&content, view.Rows)
	date := func(second int64) string { return time.Unix(second, 0).UTC().Format(time.DateOnly) }
	d := &download{
		name:      fmt.Sprintf("usage-%s-%s-by-%s.csv", date(view.From), date(view.To), strings.ReplaceAll(view.By, ",", "-")),
		mediaType: "text/csv; charset=utf-8; header=present", content: content.Bytes(),
	}
	if view.Next != "" {
		in.query.Set("after", view.Next)
		d.next = in.query.Encode()
	}
	return response{status: http.StatusOK, download: d}
}
