// Hands the blob of a download to the shell, in pieces: a large archive is too long for one text.
(async () => {
  const PIECE = 3 * 8192; // a multiple of 3, so that each piece is whole in base64
  let complete = false;
  try {
    const blob = await bombusBlob;
    for (let at = 0; at < blob.size; at += PIECE) {
      const bytes = new Uint8Array(await blob.slice(at, at + PIECE).arrayBuffer());
      bombusExport.write(btoa(String.fromCharCode(...bytes)));
    }
    complete = true;
  } catch {
    // The shell tells the person.
  }
  bombusExport.close(complete);
})();
