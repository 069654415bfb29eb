package bombus.app;

import android.content.ContentProvider;
import android.content.ContentValues;
import android.content.Context;
import android.database.Cursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import java.io.File;
import java.io.FileNotFoundException;

/** Lets the camera app write the one photo it was asked for, and the WebView read it. */
public final class PhotoProvider extends ContentProvider {
    /** A place for a new photo; earlier ones have been read and go. */
    static Uri newPhoto(Context context) {
        File[] earlier = folder(context).listFiles();
        for (File photo : earlier == null ? new File[0] : earlier) {
            photo.delete();
        }
        return Uri.parse("content://bombus.app.photos/" + System.currentTimeMillis() + ".jpg");
    }

    private static File folder(Context context) {
        File folder = new File(context.getCacheDir(), "photos");
        folder.mkdirs();
        return folder;
    }

    @Override
    public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
        File photo = new File(folder(getContext()), uri.getLastPathSegment());
        return ParcelFileDescriptor.open(photo, ParcelFileDescriptor.parseMode(mode));
    }

    @Override
    public String getType(Uri uri) {
        return "image/jpeg";
    }

    @Override
    public boolean onCreate() {
        return true;
    }

    // Nothing is kept in tables.

    @Override
    public Cursor query(
            Uri uri, String[] columns, String where, String[] arguments, String order) {
        return null;
    }

    @Override
    public Uri insert(Uri uri, ContentValues values) {
        return null;
    }

    @Override
    public int update(Uri uri, ContentValues values, String where, String[] arguments) {
        return 0;
    }

    @Override
    public int delete(Uri uri, String where, String[] arguments) {
        return 0;
    }
}
