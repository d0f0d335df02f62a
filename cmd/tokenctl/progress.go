package main

import (
	"io"

	"github.com/schollz/progressbar/v3"
)

// progress is a bar on stderr, if that is a terminal, else nothing.
func (c *console) progress(total int, doing string) *progressbar.ProgressBar {
	if !isTerminal(c.err) {
		return progressbar.DefaultSilent(int64(total))
	}
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(c.err),
		progressbar.OptionSetDescription(doing),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(true),
	)
}

// note says something on stderr beside the answer.
func (c *console) note(text string) { _, _ = io.WriteString(c.err, visible(text)+"\n") }
