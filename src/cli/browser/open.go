package browser

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// ErrNone: this machine has no browser that could be started.
var ErrNone = errors.New("no browser could be started")

// Open shows the page in a browser: the first that can be started of those that
// BROWSER lists, or the desktop's own. It does not wait for it.
func Open(getenv func(string) string, page string) error {
	for _, command := range commands(getenv, page) {
		process := exec.Command(command[0], command[1:]...)
		if process.Start() != nil {
			continue
		}
		// It may live longer than this process, and may go on then.
		return process.Process.Release()
	}
	return ErrNone
}

// commands are the ways to show the page, best first. BROWSER is a list of
// commands, in which %s stands for the page.
func commands(getenv func(string) string, page string) [][]string {
	if list := getenv("BROWSER"); list != "" {
		var all [][]string
		for one := range strings.SplitSeq(list, string(os.PathListSeparator)) {
			words, placed := strings.Fields(one), false
			for i := range words {
				if strings.Contains(words[i], "%s") {
					words[i], placed = strings.ReplaceAll(words[i], "%s", page), true
				}
			}
			if len(words) == 0 {
				continue
			}
			if !placed {
				words = append(words, page)
			}
			all = append(all, words)
		}
		return all
	}
	switch runtime.GOOS {
	case "darwin":
		return [][]string{{"open", page}}
	case "windows":
		return [][]string{{"rundll32", "url.dll,FileProtocolHandler", page}}
	}
	if getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "" && getenv("WSL_DISTRO_NAME") == "" {
		return nil // a browser of the terminal would take the terminal
	}
	return [][]string{{"xdg-open", page}, {"wslview", page}, {"x-www-browser", page}}
}
