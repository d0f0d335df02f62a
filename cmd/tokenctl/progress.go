package main

import (
	"io"

	"github.com/schollz/progressbar/v3"
)

// progress shows a progress bar on stderr if stderr is a terminal.
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

// note prints one line on stderr, apart from the command's output on stdout.
func (c *console) note(text string) { _, _ = io.WriteString(c.err, visible(text)+"\n") }
