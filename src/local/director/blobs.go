package director

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// blobLife is how long files are kept for fetching.
const blobLife = 24 * time.Hour

// addBlob stores a file for GET /resources.
func (d *Director) addBlob(ctx context.Context, content []byte) (string, error) {
	now := time.Now()
	return d.state.AddBlob(ctx, content, now.Unix(), now.Add(-blobLife).Unix())
}

// logArchive packs files into a .tgz.
func logArchive(files map[string]string, now time.Time) ([]byte, error) {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	archive := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := files[name]
		header := &tar.Header{Name: "./" + name, Mode: 0o640, Size: int64(len(text)), ModTime: now}
		if err := archive.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack logs: %w", err)
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			return nil, fmt.Errorf("pack logs: %w", err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("pack logs: %w", err)
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("pack logs: %w", err)
	}
	return b.Bytes(), nil
}
